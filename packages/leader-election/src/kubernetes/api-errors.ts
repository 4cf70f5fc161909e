import { STATUS_CODES } from 'node:http'
import { ApiException } from '@kubernetes/client-node'
import { LeaseStoreError, type LeaseStoreErrorReason } from '../store.ts'

/** The answer of the API server as an error, or `unavailable` without one. */
export function toStoreError (error: unknown, what: string): LeaseStoreError {
  if (error instanceof LeaseStoreError) return error
  if (!(error instanceof ApiException)) {
    return new LeaseStoreError('unavailable', `${what}: no usable answer (${reasonOf(error)})`, { cause: error })
  }
  return new LeaseStoreError(reasonFor(error.code), `${what}: the API server answered ${error.code} ${messageOf(error)}`.trimEnd(), { cause: error })
}

export function isUnauthorized (error: unknown): boolean {
  return error instanceof ApiException && error.code === 401
}

function reasonFor (status: number): LeaseStoreErrorReason {
  switch (status) {
    case 401:
    case 403:
      return 'forbidden'
    case 404:
      return 'not-found'
    case 409:
      return 'conflict'
    case 408:
    case 429:
      return 'unavailable'
    default:
      return status >= 400 && status < 500 ? 'refused' : 'unavailable'
  }
}

/** A refused watch ends with an error that has a `statusCode`. */
export function toWatchError (error: unknown, what: string): Error {
  const { statusCode } = error as { statusCode?: number }
  if (statusCode === undefined) return new Error(`watching ${what}: ${reasonOf(error)}`, { cause: error })
  const hint = statusCode === 403 ? ': allow the verb watch on it; until then there is only polling' : ''
  return new Error(`watching ${what}: the API server answered ${statusCode} ${STATUS_CODES[statusCode] ?? ''}${hint}`, { cause: error })
}

/** The message of the Status object, as kubectl prints it. A 401 has no body. */
function messageOf ({ body, code }: ApiException<unknown>): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? {})
  try {
    const { message } = JSON.parse(text) as { message?: string }
    return message ?? STATUS_CODES[code] ?? ''
  } catch {
    return text.slice(0, 200)
  }
}

/** fetch puts the reason of a failed connection into `cause`. */
function reasonOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
