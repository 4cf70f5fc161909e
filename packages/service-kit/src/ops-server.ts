import { fastify, type FastifyInstance, type FastifyReply } from 'fastify'
import type { Registry } from 'prom-client'
import type { Failure, Health } from './health.ts'

const REQUEST_TIMEOUT_MS = 10_000

export interface OpsServerOptions {
  health: Health
  registry: Registry
}

/** `/livez`, `/readyz` and `/metrics`, on a port of their own that no ingress serves. */
export function createOpsServer ({ health, registry }: OpsServerOptions): FastifyInstance {
  const app = fastify({ logger: false, forceCloseConnections: true, requestTimeout: REQUEST_TIMEOUT_MS })
  app.get('/livez', async (_request, reply) => report(reply, await health.liveness()))
  app.get('/readyz', async (_request, reply) => report(reply, await health.readiness()))
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
  return app
}

function report (reply: FastifyReply, failures: Failure[]): FastifyReply {
  return reply.code(failures.length === 0 ? 200 : 503).send({ status: failures.length === 0 ? 'ok' : 'failing', failures })
}
