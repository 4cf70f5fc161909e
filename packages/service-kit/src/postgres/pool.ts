import pg from 'pg'
import type { Logger } from 'pino'
import { Gauge, type Registry } from 'prom-client'
import { parseSessionOptions } from '../config/database-url.ts'
import { connectionOptions } from './connection.ts'
import { isLostRace, markNotOpened } from './errors.ts'
import { isStaleStatement, unnamed } from './stale-statement.ts'

const SECOND_MS = 1_000
/** Lost connections this close to each other belong to one outage. */
const QUIET_MS = 5 * SECOND_MS

export interface PoolOptions {
  url: string
  /** Shown in `pg_stat_activity`. */
  applicationName: string
  max: number
  /** Session settings in the syntax of Postgres's command line: `-c name=value`. They come on top of those of the URL. */
  sessionOptions?: string
}

/** The server ends a statement about when the service stops waiting for it. */
const TIMEOUTS = [
  ['statement_timeout', String(4 * SECOND_MS)],
  ['lock_timeout', String(3 * SECOND_MS)],
  ['idle_in_transaction_session_timeout', String(10 * SECOND_MS)]
] as const

/**
 * `pg` has no timeouts by default. Without them a query over a connection whose packets are lost hangs forever, and so does a
 * caller of an exhausted pool.
 */
export function poolOptions ({ url, applicationName, max, sessionOptions = '' }: PoolOptions): pg.PoolConfig {
  const own = parseSessionOptions(sessionOptions)
  if (own === undefined) throw new TypeError(`expected session options as -c name=value, found ${sessionOptions}`)
  return {
    ...connectionOptions({ url, applicationName, defaults: TIMEOUTS, fixed: own }),
    max,
    query_timeout: 5 * SECOND_MS,
    // A pool runs for weeks, through failovers. It should not keep its first connections all that time.
    maxLifetimeSeconds: 30 * 60
  }
}

/**
 * Keeps a lost connection from ending the process. The error of an idle client is an event of the pool; the error of a client
 * in use is an event of the client only. Logged once for each outage, which takes many connections at a time.
 */
export function guardPool (pool: pg.Pool, logger: Logger): void {
  let lastLostAt = -Infinity
  const lost = (error: Error) => {
    const now = performance.now()
    if (now - lastLostAt > QUIET_MS) logger.warn({ event: 'postgres_connection_lost', err: error }, 'a connection to Postgres was lost')
    lastLostAt = now
  }
  pool.on('error', lost)
  pool.on('connect', (client) => { client.on('error', lost) })
}

/** A guarded pool with timeouts. Its single statements survive migrations, see {@link ServicePool}. */
export function createPool (options: PoolOptions & { logger: Logger }): pg.Pool {
  const pool = new ServicePool(poolOptions(options))
  guardPool(pool, options.logger)
  return pool
}

/**
 * A pool whose connect errors count as an outage, and that retries a single statement once, in two cases. A migration changed the tables
 * of a prepared statement: it would fail for the rest of its connection's life, so the pool drops the connection. Or the statement lost a
 * race: it was a transaction of its own, and was rolled back.
 *
 * For whole transactions: `withTransaction`.
 */
class ServicePool extends pg.Pool {
  /** `query` of the superclass calls it as well, with a callback. */
  override connect (...args: any[]): any {
    const [callback] = args as [((error: Error | undefined, ...rest: unknown[]) => void) | undefined]
    const open = super.connect.bind(this) as (callback?: unknown) => Promise<unknown>
    if (callback !== undefined) {
      return open((error: Error | undefined, ...rest: unknown[]) => {
        markNotOpened(error)
        callback(error, ...rest)
      })
    }
    return open().catch((error: unknown) => {
      markNotOpened(error)
      throw error
    })
  }

  override query (...args: any[]): any {
    const [statement, values, callback] = args
    const send = super.query.bind(this) as (statement: unknown, values?: unknown) => Promise<unknown>
    // Callbacks and streams are not retried: only the Fastify plugin uses them.
    if (typeof values === 'function' || callback !== undefined || typeof statement?.submit === 'function') return super.query(statement, values, callback)
    return send(statement, values).catch((error: unknown) => {
      // The retry gets another connection: a pool drops a connection whose statement failed.
      if (isStaleStatement(error) || isLostRace(error)) return send(unnamed(statement), values)
      throw error
    })
  }
}

/** `pg` for plugins that create their own pool. */
export const postgresDriver = { ...pg, Pool: ServicePool } as typeof pg

/** Connections of a pool, or of several pools by name: total, idle, and callers that wait for one. */
export function poolMetrics (registry: Registry, pools: pg.Pool | Record<string, pg.Pool>): void {
  const named = 'totalCount' in pools ? { all: pools as pg.Pool } : pools
  const gauge = new Gauge({
    name: 'postgres_pool_connections',
    help: 'Connections of the pool by state; waiting: callers without one',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect () {
      for (const [name, pool] of Object.entries(named)) {
        gauge.set({ pool: name, state: 'total' }, pool.totalCount)
        gauge.set({ pool: name, state: 'idle' }, pool.idleCount)
        gauge.set({ pool: name, state: 'waiting' }, pool.waitingCount)
      }
    }
  })
}
