import fp from 'fastify-plugin'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isContention, isUnavailable } from '../postgres/errors.ts'
import { notFound } from './request-rules.ts'
import { PROBLEM_JSON, problemDocument, ProblemError, type ProblemType } from './problem.ts'

/** Seconds after which a client may try again. */
const RETRY_AFTER_S = 1

const TYPES = new Map<number, ProblemType>([
  [404, 'not-found'], [405, 'method-not-allowed'], [408, 'request-timeout'], [413, 'body-too-large'], [415, 'unsupported-media-type']
])

/** RFC 9457 for every error, Fastify's own included. Internal errors are logged, and never sent. */
export const problemDetails = fp(async (app: FastifyInstance) => {
  app.setErrorHandler<FastifyError>(answerWithProblem)
  app.setNotFoundHandler((request, reply) => { send(request, reply, notFound(app, request)) })
}, { name: 'problem-details' })

/** Also for Fastify's `frameworkErrors`: a URL that cannot be decoded never reaches a plugin. */
export function answerWithProblem (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error)
  const { status } = problem
  // Without a stack, which says nothing about a refused request: there can be hundreds a second. An outage is one line.
  const inShort = { err: { type: error.name, message: error.message }, status }
  if (status < 500) request.log.info({ event: 'request_refused', ...inShort }, 'request refused')
  else if (problem.type === 'internal') request.log.error({ event: 'request_failed', err: error, status }, 'request failed')
  else if (problem.type === 'unavailable' && request.server.outages !== undefined && !isContention(error)) request.server.outages.met(error)
  else request.log.warn({ event: 'request_unanswered', ...inShort }, 'request not answered')
  send(request, reply, problem)
}

function toProblem (error: FastifyError | ProblemError): ProblemError {
  if (error instanceof ProblemError) return error
  if (error.validation !== undefined) {
    const { validation, validationContext = 'body' } = error
    return new ProblemError(400, 'invalid-request', error.message, {
      extensions: { errors: validation.map((violation) => toInvalidField(violation, validationContext)) }
    })
  }
  const status = error.statusCode ?? 500
  // From the plugin for static files: the path leads out of its folder.
  if (status === 403) return new ProblemError(404, 'not-found', 'there is no such file')
  if (status >= 400 && status < 500) return new ProblemError(status, TYPES.get(status) ?? 'invalid-request', error.message)
  if (status === 503 || isUnavailable(error)) {
    return new ProblemError(503, 'unavailable', 'the service cannot answer now, try again later', { retryAfter: RETRY_AFTER_S })
  }
  return new ProblemError(500, 'internal', 'internal error; the service has logged it')
}

type Violation = NonNullable<FastifyError['validation']>[number]

/** A JSON pointer (RFC 6901) to the field itself. Ajv points to the object that contains it. */
function toInvalidField ({ instancePath, message = 'is wrong', params }: Violation, where: string): Record<string, string> {
  const { additionalProperty, missingProperty } = params as { additionalProperty?: string, missingProperty?: string }
  const field = additionalProperty ?? missingProperty
  const pointer = field === undefined ? instancePath : `${instancePath}/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`
  return { in: where, pointer, detail: message }
}

function send (request: FastifyRequest, reply: FastifyReply, problem: ProblemError): void {
  const { retryAfter, headers = {} } = problem.fields
  // Fastify's own errors (a URL that cannot be decoded) bypass the hook that sets the security headers.
  reply.headers({ 'x-content-type-options': 'nosniff', ...headers })
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  reply.code(problem.status).type(PROBLEM_JSON).serializer(JSON.stringify)
    .send(problemDocument(problem, { instance: pathOf(request), requestId: request.id }))
}

/** Without the query, which may contain anything. */
function pathOf (request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url
}
