import { LeaseStoreError, type LeaseStoreErrorReason } from '../store.ts'

const UNDEFINED_TABLE = '42P01'
const INSUFFICIENT_PRIVILEGE = '42501'
/** Classes of SQLSTATE in which the statement itself is at fault: data, constraint, syntax or missing object. */
const FAULTY_STATEMENT = /^(22|23|42)/
const INVALID_AUTHORIZATION = /^28/
/** Where transactions are `repeatable read` or `serializable` by default, this is how the server says that a race was lost. */
const SERIALIZATION_FAILURE = '40001'

export function toStoreError (error: unknown, what: string): LeaseStoreError {
  if (error instanceof LeaseStoreError) return error
  const { code, message } = error as { code?: unknown, message?: string }
  const state = typeof code === 'string' && code.length === 5 ? code : ''
  const hint = state === UNDEFINED_TABLE ? '; are the tables of sql/001-leader-lease.sql there, and on the search_path?' : ''
  return new LeaseStoreError(reasonFor(state), `${what}: ${message ?? String(error)}${hint}`, { cause: error })
}

function reasonFor (state: string): LeaseStoreErrorReason {
  if (state === INSUFFICIENT_PRIVILEGE || INVALID_AUTHORIZATION.test(state)) return 'forbidden'
  if (state === SERIALIZATION_FAILURE) return 'conflict'
  return FAULTY_STATEMENT.test(state) ? 'refused' : 'unavailable'
}
