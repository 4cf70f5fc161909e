// https://www.postgresql.org/docs/current/errcodes-appendix.html
/** Connection, authorisation (a password that is being changed), no such database, resources, operator, system error. */
const OUTAGE_CLASSES = new Set(['08', '28', '3D', '53', '57', '58'])
/** A read-only transaction: during a failover an old connection or an old address leads to a standby. */
const OUTAGE_STATES = new Set(['25006'])
/** Serialization failure, deadlock: the transaction lost against another one. It can succeed at once. */
const LOST_RACES = new Set(['40001', '40P01'])
/** A lock timeout. A retry at once is no use: the other transaction still has the lock. */
export const LOCK_NOT_AVAILABLE = '55P03'
/** Problems of one statement: a lost race, a lock timeout, a statement timeout. */
const CONTENTION = new Set([...LOST_RACES, LOCK_NOT_AVAILABLE, '57014'])
const NETWORK_CODES = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'EPROTO', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN'
])
/** The system calls of a connect: its socket, and the files that the URL names (`sslrootcert`, `sslcert`, `sslkey`). */
const OPENING = new Set(['connect', 'open', 'read'])
/**
 * TLS errors of OpenSSL, of Node, and of the server's certificate. Certificates are replaced while the service runs.
 * https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
const TLS_CODE = new RegExp(`^(?:ERR_SSL_|ERR_TLS_|ERR_OSSL_|(?:${[
  'UNABLE_TO_(?:GET_ISSUER_CERT|GET_CRL|DECRYPT_CERT_SIGNATURE|DECRYPT_CRL_SIGNATURE|DECODE_ISSUER_PUBLIC_KEY|GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)',
  'CERT_(?:SIGNATURE_FAILURE|NOT_YET_VALID|HAS_EXPIRED|CHAIN_TOO_LONG|REVOKED|UNTRUSTED|REJECTED)',
  'CRL_(?:SIGNATURE_FAILURE|NOT_YET_VALID|HAS_EXPIRED)',
  'ERROR_IN_(?:CERT_NOT_BEFORE|CERT_NOT_AFTER|CRL_LAST_UPDATE|CRL_NEXT_UPDATE)_FIELD',
  'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'INVALID_CA', 'INVALID_PURPOSE', 'PATH_LENGTH_EXCEEDED', 'HOSTNAME_MISMATCH'
].join('|')})$)`)
/** Errors of `pg` without a code. */
const OUTAGE_MESSAGES = /timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|the database system is|does not support SSL connections|error establishing an SSL connection|before secure TLS connection was established/i

const notOpened = new WeakSet<Error>()

/**
 * Marks the error of a connection that could not be opened. Whatever its code, it says nothing about the work: a database that
 * accepts no connections has the code of a wrong state, a missing right to connect that of a missing right to a table.
 */
export function markNotOpened (error: unknown): void {
  if (error instanceof Error) notOpened.add(error)
}

/**
 * Whether the same work can succeed later: Postgres is unavailable, or the statement met contention. False if the statement
 * itself is wrong. A query that hit its statement timeout (57014) counts too.
 */
export function isUnavailable (error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (notOpened.has(error)) return true
  if (error instanceof AggregateError && error.errors.some(isUnavailable)) return true
  const { code = '', syscall = '' } = error as NodeJS.ErrnoException
  return NETWORK_CODES.has(code) || isOutageState(code) || TLS_CODE.test(code) || (typeof syscall === 'string' && OPENING.has(syscall)) ||
    OUTAGE_MESSAGES.test(error.message) || isUnavailable(error.cause)
}

/** Whether only this statement failed, by a lost race or a timeout, while Postgres is available to others: no outage. */
export function isContention (error: unknown): boolean {
  const { code = '' } = (error ?? {}) as { code?: string }
  return CONTENTION.has(code)
}

/** Whether the transaction lost against another one, and was rolled back: the same work can succeed at once. A subset of {@link isContention}. */
export function isLostRace (error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return error instanceof Error && typeof code === 'string' && LOST_RACES.has(code)
}

function isOutageState (code: string): boolean {
  return LOST_RACES.has(code) || code === LOCK_NOT_AVAILABLE || OUTAGE_STATES.has(code) || (code.length === 5 && OUTAGE_CLASSES.has(code.slice(0, 2)))
}
