import pg from 'pg'
import { isLostRace } from './is-unavailable.ts'
import { isStaleStatement, unnamed } from './stale-statement.ts'

/**
 * A pool whose single statements outlive a change of their tables. A statement that was prepared before a migration fails on
 * each connection that prepared it, for as long as the connection lives; such a connection is thrown away, and the statement
 * sent once more. So is one that lost a race: alone, it was its own transaction, and is rolled back.
 *
 * For whole transactions: {@link withTransaction}.
 */
export class ServicePool extends pg.Pool {
  override query (...args: any[]): any {
    const [statement, values, callback] = args
    const send = super.query.bind(this) as (statement: unknown, values?: unknown) => Promise<unknown>
    // Callbacks and streams are not ours: the plugin for Fastify has them.
    if (typeof values === 'function' || callback !== undefined || typeof statement?.submit === 'function') return super.query(statement, values, callback)
    return send(statement, values).catch((error: unknown) => {
      // The connection is gone already: a pool keeps none whose statement failed.
      if (isStaleStatement(error) || isLostRace(error)) return send(unnamed(statement), values)
      throw error
    })
  }
}

/** `pg` for plugins that make their own pool. */
export const postgresDriver = { ...pg, Pool: ServicePool } as typeof pg
