import fp from 'fastify-plugin'
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Failure, Health } from '../process/health.ts'
import { serverOptions, useHttpRules } from './http-app.ts'
import { ProblemError } from './problem.ts'

export interface OpsServerOptions {
  health: Health
  registry: Registry
  /** Logs each change of the readiness. */
  logger?: Logger
}

/** `/livez`, `/readyz` and `/metrics`, on a separate port that no ingress exposes. */
export function createOpsServer ({ health, registry, logger }: OpsServerOptions): FastifyInstance {
  const app = fastify({ ...serverOptions(), logger: false, forceCloseConnections: true })
  void app.register(fp(useHttpRules, { name: 'http-rules' }))
  const changes = new ReadinessChanges(logger)
  void app.register(async (routes) => {
    routes.get('/livez', async (_request, reply) => report(reply, await health.liveness()))
    routes.get('/readyz', async (_request, reply) => {
      const failures = await health.readiness()
      changes.note(failures)
      return report(reply, failures)
    })
    routes.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
  })
  return app
}

function report (reply: FastifyReply, failures: Failure[]): FastifyReply {
  if (failures.length === 0) return reply.send({ status: 'ok', failures })
  throw new ProblemError(503, 'not-ready', failures.map(({ check, reason }) => `${check}: ${reason}`).join('; '), { extensions: { failures } })
}

/** Logs changes only: with a probe every few seconds, one line for each would repeat itself for hours. */
class ReadinessChanges {
  readonly #logger: Logger | undefined
  #reasons = ''

  constructor (logger: Logger | undefined) {
    this.#logger = logger
  }

  note (failures: readonly Failure[]): void {
    const reasons = failures.map(({ check, reason }) => `${check}: ${reason}`).join('; ')
    if (reasons === this.#reasons) return
    if (failures.length > 0) this.#logger?.warn({ event: 'not_ready', failures }, 'not ready')
    else this.#logger?.info({ event: 'ready' }, 'ready again')
    this.#reasons = reasons
  }
}
