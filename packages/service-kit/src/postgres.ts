import type { Logger } from 'pino'
import pg from 'pg'

const SECOND_MS = 1_000

export interface PoolOptions {
  url: string
  /** Shown in `pg_stat_activity`. */
  applicationName: string
  max: number
}

/**
 * The time-outs that `pg` does not have by default. Without them a connection whose packets vanish hangs a query for
 * ever, and an exhausted pool hangs the caller for ever.
 */
export function poolOptions ({ url, applicationName, max }: PoolOptions): pg.PoolConfig {
  return {
    connectionString: url,
    application_name: applicationName,
    max,
    connectionTimeoutMillis: 3 * SECOND_MS,
    query_timeout: 5 * SECOND_MS,
    statement_timeout: 4 * SECOND_MS,
    lock_timeout: 3 * SECOND_MS,
    idle_in_transaction_session_timeout: 10 * SECOND_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10 * SECOND_MS,
    // A pool that lives for weeks through fail-overs should not keep its first connections for all that time.
    maxLifetimeSeconds: 30 * 60
  }
}

/**
 * Keeps a lost connection from ending the process: an idle client's error is an event of the pool, and that of a client
 * in use an event of the client, which the pool does not see.
 */
export function guardPool (pool: pg.Pool, logger: Logger): void {
  const lost = (error: Error) => { logger.warn({ err: error }, 'a connection to Postgres was lost') }
  pool.on('error', lost)
  pool.on('connect', (client) => { client.on('error', lost) })
}

export function createPool (options: PoolOptions & { logger: Logger }): pg.Pool {
  const pool = new pg.Pool(poolOptions(options))
  guardPool(pool, options.logger)
  return pool
}

/**
 * Runs `work` in one transaction: COMMIT when it resolves, ROLLBACK when it rejects. A connection whose rollback was not
 * confirmed is thrown away: returned in the middle of a transaction, it would hand that transaction to its next user.
 */
export async function withTransaction<T> (pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const result = await work(client)
    await client.query('COMMIT')
    client.release()
    return result
  } catch (error) {
    client.release(await rollback(client, error))
    throw error
  }
}

/** @returns what the connection has to be thrown away for, if so */
async function rollback (client: pg.PoolClient, cause: unknown): Promise<Error | undefined> {
  // One that did not answer will not answer this either, and would cost another time-out.
  if (isUnavailable(cause)) return cause as Error
  try {
    await client.query('ROLLBACK')
    return undefined
  } catch (error) {
    return error as Error
  }
}

/** SQLSTATE classes of an outage: connection, resources, operator intervention, system error. */
const OUTAGE_CLASSES = new Set(['08', '53', '57', '58'])
/** Worth the same statement once more: the transaction lost against another one. */
const LOST_RACES = new Set(['40001', '40P01', '55P03'])
const OUTAGE_CODES = new Set([
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
  const { code = '' } = error as Error & { code?: string }
  if (error instanceof AggregateError) return error.errors.some(isUnavailable)
  return OUTAGE_CODES.has(code) || LOST_RACES.has(code) || (code.length === 5 && OUTAGE_CLASSES.has(code.slice(0, 2))) ||
    OUTAGE_MESSAGES.test(error.message) || (error.cause !== undefined && isUnavailable(error.cause))
}
