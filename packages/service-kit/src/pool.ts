import type { Logger } from 'pino'
import pg from 'pg'

const SECOND_MS = 1_000

export interface PoolOptions {
  url: string
  /** Shown in `pg_stat_activity`. */
  applicationName: string
  max: number
  /** Settings of its sessions, as Postgres takes them on its command line: `-c name=value`. */
  sessionOptions?: string
}

/**
 * The time-outs that `pg` does not have by default. Without them a connection whose packets vanish hangs a query for
 * ever, and an exhausted pool hangs the caller for ever.
 */
export function poolOptions ({ url, applicationName, max, sessionOptions }: PoolOptions): pg.PoolConfig {
  return {
    connectionString: url,
    application_name: applicationName,
    max,
    ...(sessionOptions === undefined ? {} : { options: sessionOptions }),
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
