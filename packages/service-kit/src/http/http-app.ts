import { randomUUID } from 'node:crypto'
import { fastify, LogController, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { closeConnectionsWhileDraining, limitReuse } from './drain-http.ts'
import type { Health } from '../process/health.ts'
import { createHttpServer, type HttpServerOptions } from './http-server.ts'
import { httpMetrics } from '../process/metrics.ts'
import { OutageLog } from '../postgres/outage-log.ts'
import { answerWithProblem, problemDetails } from './problem-details.ts'
import { useRequestRules } from './request-rules.ts'
import { securityHeaders } from './security-headers.ts'
import { useStrictJson } from './strict-json.ts'
import { useStrictValidation } from './validation.ts'

export interface HttpAppOptions extends HttpServerOptions {
  logger: Logger
  health: Health
  registry: Registry
  bodyLimitBytes: number
  /** SHUTDOWN_DELAY_MS: idle connections are not to be reused for longer. */
  shutdownDelayMs?: number
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Told of every request that Postgres could not be used for. The ops server has none. */
    outages?: OutageLog
  }
}

/** A Fastify app as every service of ours has it: strict, with problem details, metrics, time-outs and a clean drain. */
export async function createHttpApp ({ logger, health, registry, bodyLimitBytes, shutdownDelayMs = 0, ...server }: HttpAppOptions): Promise<FastifyInstance> {
  const app = fastify({
    ...serverOptions(server),
    loggerInstance: logger as NonNullable<FastifyServerOptions['loggerInstance']>,
    // A line for each request says less than the service's own, which name the order.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    // While draining the server goes on answering; it is the readiness that says to send no more.
    return503OnClosing: false
  })
  app.decorate('outages', new OutageLog(logger))
  closeConnectionsWhileDraining(app, () => health.draining)
  limitReuse(app, shutdownDelayMs)
  await useHttpRules(app)
  await app.register(httpMetrics, { registry })
  return app
}

/** Of every server of ours, the ops port's too. */
export function serverOptions (options: HttpServerOptions = {}): FastifyServerOptions {
  return {
    serverFactory: (handler) => createHttpServer(handler, options),
    // The server has its own.
    clientErrorHandler: () => {},
    genReqId: () => randomUUID(),
    frameworkErrors: answerWithProblem
  }
}

/** Everything is read strictly, and every error is a problem. */
export async function useHttpRules (app: FastifyInstance): Promise<void> {
  // Fastify would take plain text for a body and fail it later, as a string that is no object.
  app.removeContentTypeParser('text/plain')
  useStrictJson(app)
  useStrictValidation(app)
  await app.register(securityHeaders)
  await app.register(problemDetails)
  useRequestRules(app)
}
