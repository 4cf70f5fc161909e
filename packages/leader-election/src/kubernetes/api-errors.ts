import { ApiException } from '@kubernetes/client-node'
import { LeaseStoreError, type LeaseStoreErrorReason } from '../store.ts'

/** What the API server answered, or that it did not. */
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

/** The message of the Status object, which is what kubectl would print. */
function messageOf ({ body }: ApiException<unknown>): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? '')
  try {
    const { message } = JSON.parse(text) as { message?: string }
    return message ?? ''
  } catch {
    return text.slice(0, 200)
  }
}

/** fetch hides the reason of a failed connection one level down. */
function reasonOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
