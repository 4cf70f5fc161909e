import { STATUS_CODES } from 'node:http'
import type { ProblemType } from './problem-types.ts'

export const PROBLEM_JSON = 'application/problem+json'

export interface ProblemFields {
  /** Seconds for the `Retry-After` header. */
  retryAfter?: number
  /** Further headers of the answer, for example `allow`. */
  headers?: Record<string, string>
  /** Further members of the problem, for example `errors`. */
  extensions?: Record<string, unknown>
}

/** An error that a handler throws to answer with a problem. The types are explained in docs/problems.md. */
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

/** The members of https://www.rfc-editor.org/rfc/rfc9457. `where` names the request, if there is one. */
export function problemDocument (
  { status, type, message, fields }: ProblemError, where: { instance?: string, requestId?: string } = {}
): Record<string, unknown> {
  return { type: `urn:problem:${type}`, title: STATUS_CODES[status], status, detail: message, ...where, ...fields.extensions }
}
