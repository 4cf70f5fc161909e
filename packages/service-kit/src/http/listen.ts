import type { FastifyInstance } from 'fastify'

/** The service cannot listen on the address of its settings. */
export class ListenError extends Error {
  readonly code = 'LISTEN_FAILED'

  constructor (prefix: string, cause: Error) {
    super(`${prefix}_HOST, ${prefix}_PORT: expected an address of this machine and a free port, found ${cause.message}`, { cause })
    this.name = 'ListenError'
  }
}

/**
 * Listens on `<prefix>_HOST` and `<prefix>_PORT`.
 *
 * @returns the address. @throws ListenError, which names the settings: Node's error names none, and a service has two ports
 */
export async function listen<Prefix extends 'HTTP' | 'OPS'> (
  app: FastifyInstance, prefix: Prefix, config: Readonly<Record<`${Prefix}_HOST`, string> & Record<`${Prefix}_PORT`, number>>
): Promise<string> {
  try {
    return await app.listen({ host: config[`${prefix}_HOST`], port: config[`${prefix}_PORT`] })
  } catch (error) {
    throw new ListenError(prefix, error as Error)
  }
}
