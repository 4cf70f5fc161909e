import { randomUUID } from 'node:crypto'
import { fastify, LogController, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { answerClientError } from './client-error.ts'
import { closeConnectionsWhileDraining } from './drain-http.ts'
import type { Health } from './health.ts'
import { httpMetrics } from './metrics.ts'
import { answerWithProblem, problemDetails } from './problem-details.ts'
import { useStrictJson } from './strict-json.ts'
import { useStrictValidation } from './validation.ts'

const SECOND_MS = 1_000

export interface HttpAppOptions {
  logger: Logger
  health: Health
  registry: Registry
  bodyLimitBytes: number
}

/** A Fastify app as every service of ours has it: strict, with problem details, metrics, time-outs and a clean drain. */
export async function createHttpApp ({ logger, health, registry, bodyLimitBytes }: HttpAppOptions): Promise<FastifyInstance> {
  const options: FastifyServerOptions = {
    loggerInstance: logger,
    // A line for each request says less than the service's own, which name the order.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    bodyLimit: bodyLimitBytes,
    // Fastify has no limit by default, and a client that sends a byte a minute would hold its socket for ever.
    requestTimeout: 10 * SECOND_MS,
    connectionTimeout: 15 * SECOND_MS,
    // While draining the server goes on answering; it is the readiness that says to send no more.
    return503OnClosing: false,
    frameworkErrors: answerWithProblem,
    clientErrorHandler: answerClientError
  }
  const app = fastify(options)
  // Fastify would take plain text for a body and fail it later, as a string that is no object.
  app.removeContentTypeParser('text/plain')
  useStrictJson(app)
  useStrictValidation(app)
  closeConnectionsWhileDraining(app, () => health.draining)
  await app.register(problemDetails)
  await app.register(httpMetrics, { registry })
  return app
}
