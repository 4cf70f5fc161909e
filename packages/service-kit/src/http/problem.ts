import { STATUS_CODES } from 'node:http'

export const PROBLEM_JSON = 'application/problem+json'

/** Every `type` of a problem, without `urn:problem:`. Each has a row in docs/problems.md. */
export const PROBLEM_TYPES = [
  'body-too-large',
  'cross-site',
  'idempotency-key-reused',
  'internal',
  'invalid-request',
  'method-not-allowed',
  'not-found',
  'not-ready',
  'overloaded',
  'request-in-flight',
  'request-timeout',
  'status-conflict',
  'unavailable',
  'unsupported-media-type'
] as const

export type ProblemType = typeof PROBLEM_TYPES[number]

export interface ProblemFields {
  /** Seconds for the `Retry-After` header. */
  retryAfter?: number
  /** Further headers of the answer, for example `allow`. */
  headers?: Record<string, string>
  /** Further members of the problem, for example `errors`. */
  extensions?: Record<string, unknown>
}

/** A handler throws it to answer with a problem. docs/problems.md explains the types. */
export class ProblemError extends Error {
  readonly code = 'HTTP_PROBLEM'
  readonly status: number
  readonly type: ProblemType
  readonly fields: ProblemFields

  constructor (status: number, type: ProblemType, detail: string, fields: ProblemFields = {}) {
    super(detail)
    this.name = 'ProblemError'
    this.status = status
    this.type = type
    this.fields = fields
  }
}

/** The members of https://www.rfc-editor.org/rfc/rfc9457. `where` identifies the request, if there is one. */
export function problemDocument (
  { status, type, message, fields }: ProblemError, where: { instance?: string, requestId?: string } = {}
): Record<string, unknown> {
  return { type: `urn:problem:${type}`, title: STATUS_CODES[status], status, detail: message, ...where, ...fields.extensions }
}
