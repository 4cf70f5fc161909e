/** Resolves when all is well, throws what is not. */
export type Check = () => Promise<void> | void

export interface Failure {
  check: string
  reason: string
}

const CHECK_DEADLINE_MS = 2_000

/**
 * What `/livez` and `/readyz` say. Liveness is about this process alone: if it depended on Postgres or Kafka, their
 * outage would restart every pod.
 */
export class Health {
  /** Set at SIGTERM: not ready from then on. */
  draining = false
  readonly #readiness = new Map<string, Check>()
  readonly #liveness = new Map<string, Check>()

  addReadiness (name: string, check: Check): void {
    this.#readiness.set(name, check)
  }

  addLiveness (name: string, check: Check): void {
    this.#liveness.set(name, check)
  }

  async readiness (): Promise<Failure[]> {
    if (this.draining) return [{ check: 'draining', reason: 'the service is shutting down' }]
    return run(this.#readiness)
  }

  async liveness (): Promise<Failure[]> {
    return run(this.#liveness)
  }
}

export function createHealth (): Health {
  return new Health()
}

async function run (checks: Map<string, Check>): Promise<Failure[]> {
  const results = await Promise.all([...checks].map(async ([check, probe]): Promise<Failure | undefined> => {
    try {
      await withDeadline(probe)
      return undefined
    } catch (error) {
      return { check, reason: error instanceof Error ? error.message : String(error) }
    }
  }))
  return results.filter((failure) => failure !== undefined)
}

/** A check that hangs has failed: a probe without an answer tells nobody which one it was. */
async function withDeadline (probe: Check): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error(`no answer within ${CHECK_DEADLINE_MS} ms`)) }, CHECK_DEADLINE_MS)
  })
  try {
    await Promise.race([probe(), late])
  } finally {
    clearTimeout(timer)
  }
}
