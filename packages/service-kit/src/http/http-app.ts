import { randomUUID } from 'node:crypto'
import helmet from '@fastify/helmet'
import { fastify, LogController, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { Logger } from 'pino'
import { Histogram, type Registry } from 'prom-client'
import { closeConnectionsWhileDraining, limitReuse } from './drain-http.ts'
import type { Health } from '../process/health.ts'
import { createHttpServer, type HttpServerOptions } from './http-server.ts'
import { OutageLog } from '../postgres/outage-log.ts'
import { answerWithProblem, problemDetails } from './problem-details.ts'
import { useRequestRules } from './request-rules.ts'
import { useStrictJson } from './strict-json.ts'
import { useStrictValidation } from './validation.ts'

export interface HttpAppOptions extends HttpServerOptions {
  logger: Logger
  health: Health
  registry: Registry
  bodyLimitBytes: number
  /** SHUTDOWN_DELAY_MS: clients are told not to reuse connections that were idle for longer. */
  shutdownDelayMs?: number
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Gets the error of every request that failed because of Postgres. The ops server has none. */
    outages?: OutageLog
  }
}

/** The Fastify app of every service: strict, with problem details, metrics, timeouts and a clean drain. */
export async function createHttpApp ({ logger, health, registry, bodyLimitBytes, shutdownDelayMs = 0, ...server }: HttpAppOptions): Promise<FastifyInstance> {
  const app = fastify({
    ...serverOptions(server),
    loggerInstance: logger as NonNullable<FastifyServerOptions['loggerInstance']>,
    // The service's own log lines say more than one line for each request: they name the order.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    // While draining the server still answers. `/readyz` tells load balancers to stop sending.
    return503OnClosing: false
  })
  app.decorate('outages', new OutageLog(logger))
  closeConnectionsWhileDraining(app, () => health.draining)
  limitReuse(app, shutdownDelayMs)
  await useHttpRules(app)
  await app.register(httpMetrics, { registry })
  return app
}

/** For every server, the ops server included. */
export function serverOptions (options: HttpServerOptions = {}): FastifyServerOptions {
  return {
    serverFactory: (handler) => createHttpServer(handler, options),
    // createHttpServer has its own handler.
    clientErrorHandler: () => {},
    genReqId: () => randomUUID(),
    frameworkErrors: answerWithProblem
  }
}

/** Strict parsing, and a problem for every error. */
export async function useHttpRules (app: FastifyInstance): Promise<void> {
  // Fastify would accept plain text as a body, and fail later because it is not an object.
  app.removeContentTypeParser('text/plain')
  useStrictJson(app)
  useStrictValidation(app)
  await app.register(securityHeaders)
  await app.register(problemDetails)
  useRequestRules(app)
}

/**
 * Headers for browsers. None about TLS, which the services do not terminate: with `upgrade-insecure-requests` a browser would
 * load the page's files by HTTPS and fail, and HSTS is up to the gateway of the host.
 */
const securityHeaders = fp(async (app: FastifyInstance) => {
  await app.register(helmet, { hsts: false, contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } })
}, { name: 'security-headers' })

/** Duration of requests by method, status and route. The route is the pattern: with the URL every id would be a series. */
const httpMetrics = fp(async (app: FastifyInstance, { registry }: { registry: Registry }) => {
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of HTTP requests',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry]
  })
  app.addHook('onResponse', async (request, reply) => {
    const labels = { method: request.method, route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }
    duration.observe(labels, reply.elapsedTime / 1_000)
  })
}, { name: 'http-metrics' })
