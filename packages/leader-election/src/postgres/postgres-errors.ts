import { LeaseStoreError, type LeaseStoreErrorReason } from '../store.ts'

const UNDEFINED_TABLE = '42P01'
const INSUFFICIENT_PRIVILEGE = '42501'
const HINTS: Record<string, string> = {
  [UNDEFINED_TABLE]: '; is the table of sql/001-leader-lease.sql there, and on the search_path?',
  [INSUFFICIENT_PRIVILEGE]: '; a candidate needs SELECT and UPDATE on leader_lease, and INSERT unless the installer makes the row'
}
/** Classes of SQLSTATE in which the statement itself is at fault: data, constraint, syntax or missing object. */
const FAULTY_STATEMENT = /^(22|23|42)/
const INVALID_AUTHORIZATION = /^28/
/** A lost race, where transactions are `repeatable read` or `serializable` by default. */
const SERIALIZATION_FAILURE = '40001'

export function toStoreError (error: unknown, what: string): LeaseStoreError {
  if (error instanceof LeaseStoreError) return error
  const { code, message } = error as { code?: unknown, message?: string }
  const state = typeof code === 'string' && code.length === 5 ? code : ''
  return new LeaseStoreError(reasonFor(state), `${what}: ${message ?? String(error)}${HINTS[state] ?? ''}`, { cause: error })
}

function reasonFor (state: string): LeaseStoreErrorReason {
  if (state === INSUFFICIENT_PRIVILEGE || INVALID_AUTHORIZATION.test(state)) return 'forbidden'
  if (state === SERIALIZATION_FAILURE) return 'conflict'
  return FAULTY_STATEMENT.test(state) ? 'refused' : 'unavailable'
}
