import fp from 'fastify-plugin'
import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isUnavailable } from './postgres.ts'

/** Seconds after which a client may try again when we cannot answer now. */
const RETRY_AFTER_S = 1

export const PROBLEM_JSON = 'application/problem+json'

export interface ProblemFields {
  /** Seconds for the `Retry-After` header. */
  retryAfter?: number
  /** Further members of the problem, for example `errors`. */
  extensions?: Record<string, unknown>
}

/** An error that a handler throws to answer with a problem. `type` is explained in docs/problems.md. */
export class ProblemError extends Error {
  readonly code = 'HTTP_PROBLEM'
  readonly status: number
  readonly type: string
  readonly fields: ProblemFields

  constructor (status: number, type: string, detail: string, fields: ProblemFields = {}) {
    super(detail)
    this.name = 'ProblemError'
    this.status = status
    this.type = type
    this.fields = fields
  }
}

/** RFC 9457 for every error, the ones of Fastify included. What went wrong inside is logged, never sent. */
export const problemDetails = fp(async (app: FastifyInstance) => {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const problem = toProblem(error)
    if (problem.status >= 500) request.log.error({ err: error }, 'request failed')
    else request.log.info({ err: { type: error.name, message: error.message }, status: problem.status }, 'request refused')
    return send(request, reply, problem)
  })
  app.setNotFoundHandler((request, reply) =>
    send(request, reply, new ProblemError(404, 'not-found', `there is no ${request.method} ${pathOf(request)}`)))
}, { name: 'problem-details' })

function toProblem (error: FastifyError | ProblemError): ProblemError {
  if (error instanceof ProblemError) return error
  if (error.validation !== undefined) {
    return new ProblemError(400, 'invalid-request', error.message, {
      extensions: {
        errors: error.validation.map(({ instancePath, message = 'is wrong', params }) => ({
          in: error.validationContext ?? 'body',
          pointer: `${instancePath}${'additionalProperty' in params ? `/${String(params.additionalProperty)}` : ''}`,
          detail: message
        }))
      }
    })
  }
  const status = error.statusCode ?? 500
  if (status >= 400 && status < 500) return new ProblemError(status, TYPES.get(status) ?? 'invalid-request', error.message)
  if (status === 503 || isUnavailable(error)) {
    return new ProblemError(503, 'unavailable', 'the service cannot answer now, try again', { retryAfter: RETRY_AFTER_S })
  }
  return new ProblemError(500, 'internal', 'something went wrong here; it has been logged')
}

const TYPES = new Map([
  [404, 'not-found'], [405, 'method-not-allowed'], [413, 'body-too-large'], [415, 'unsupported-media-type'], [429, 'too-many-requests']
])

function send (request: FastifyRequest, reply: FastifyReply, problem: ProblemError): FastifyReply {
  const { retryAfter, extensions } = problem.fields
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  return reply.code(problem.status).type(PROBLEM_JSON).serializer(JSON.stringify).send({
    type: `urn:problem:${problem.type}`,
    title: STATUS_CODES[problem.status],
    status: problem.status,
    detail: problem.message,
    instance: pathOf(request),
    requestId: request.id,
    ...extensions
  })
}

/** Without the query, which can hold anything. */
function pathOf (request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url
}
