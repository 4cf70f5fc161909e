// https://www.postgresql.org/docs/current/errcodes-appendix.html
/** Connection, authorisation (a password that is being changed), no such database, resources, operator, system error. */
const OUTAGE_CLASSES = new Set(['08', '28', '3D', '53', '57', '58'])
/** A read-only transaction: during a fail-over the old connection, or an old address, leads to a standby. */
const OUTAGE_STATES = new Set(['25006'])
/** Worth the same statement once more: the transaction lost against another one. */
const LOST_RACES = new Set(['40001', '40P01', '55P03'])
const NETWORK_CODES = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'
])
/** `pg` gives these no code. */
const OUTAGE_MESSAGES = /timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|the database system is/i

/**
 * Whether an error says that Postgres cannot be used now, or lost a race, and not that the statement is wrong: the same
 * work can succeed later. A query that was cancelled for its time (57014) counts too.
 */
export function isUnavailable (error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError && error.errors.some(isUnavailable)) return true
  const { code = '' } = error as Error & { code?: string }
  return NETWORK_CODES.has(code) || isOutageState(code) || OUTAGE_MESSAGES.test(error.message) || isUnavailable(error.cause)
}

function isOutageState (code: string): boolean {
  return LOST_RACES.has(code) || OUTAGE_STATES.has(code) || (code.length === 5 && OUTAGE_CLASSES.has(code.slice(0, 2)))
}
