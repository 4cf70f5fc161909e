import type { Logger } from 'pino'
import type pg from 'pg'
import { connectionOptions } from './connection.ts'
import { parseSessionOptions } from './database-url.ts'
import { ServicePool } from './service-pool.ts'

const SECOND_MS = 1_000

export interface PoolOptions {
  url: string
  /** Shown in `pg_stat_activity`. */
  applicationName: string
  max: number
  /** Settings of its sessions, as Postgres takes them on its command line: `-c name=value`. Those of the URL come beside them. */
  sessionOptions?: string
}

/** The server ends by itself what we do not wait for any more. */
const TIMEOUTS = [
  ['statement_timeout', String(4 * SECOND_MS)],
  ['lock_timeout', String(3 * SECOND_MS)],
  ['idle_in_transaction_session_timeout', String(10 * SECOND_MS)]
] as const

/**
 * The time-outs that `pg` does not have by default. Without them a connection whose packets vanish hangs a query for
 * ever, and an exhausted pool hangs the caller for ever.
 */
export function poolOptions ({ url, applicationName, max, sessionOptions = '' }: PoolOptions): pg.PoolConfig {
  const own = parseSessionOptions(sessionOptions)
  if (own === undefined) throw new TypeError(`expected session options as -c name=value, found ${sessionOptions}`)
  return {
    ...connectionOptions({ url, applicationName, defaults: TIMEOUTS, fixed: own }),
    max,
    query_timeout: 5 * SECOND_MS,
    // A pool that lives for weeks through fail-overs should not keep its first connections for all that time.
    maxLifetimeSeconds: 30 * 60
  }
}

/**
 * Keeps a lost connection from ending the process: an idle client's error is an event of the pool, and that of a client
 * in use an event of the client, which the pool does not see.
 */
export function guardPool (pool: pg.Pool, logger: Logger): void {
  const lost = (error: Error) => { logger.warn({ event: 'postgres_connection_lost', err: error }, 'a connection to Postgres was lost') }
  pool.on('error', lost)
  pool.on('connect', (client) => { client.on('error', lost) })
}

export function createPool (options: PoolOptions & { logger: Logger }): pg.Pool {
  const pool = new ServicePool(poolOptions(options))
  guardPool(pool, options.logger)
  return pool
}
