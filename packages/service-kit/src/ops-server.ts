import { fastify, type FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import type { Failure, Health } from './health.ts'

export interface OpsServerOptions {
  health: Health
  registry: Registry
}

/** `/livez`, `/readyz` and `/metrics`, on a port of their own that no ingress serves. */
export function createOpsServer ({ health, registry }: OpsServerOptions): FastifyInstance {
  const app = fastify({ logger: false, forceCloseConnections: true })
  app.get('/livez', async (_request, reply) => report(await health.liveness(), (status) => reply.code(status)))
  app.get('/readyz', async (_request, reply) => report(await health.readiness(), (status) => reply.code(status)))
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
  return app
}

function report (failures: Failure[], setStatus: (status: number) => void): { status: string, failures: Failure[] } {
  setStatus(failures.length === 0 ? 200 : 503)
  return { status: failures.length === 0 ? 'ok' : 'failing', failures }
}
