import postgres from '@fastify/postgres'
import { databaseCheck, guardPool, poolOptions, postgresDriver } from '@orders/service-kit'
import fp from 'fastify-plugin'
import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import type { Logger } from 'pino'

export interface DatabaseOptions {
  url: string
  poolSize: number
  logger: Logger
}

/** `app.pg`, with the timeouts and error listeners that the plugin does not set. */
export default fp(async (app: FastifyInstance, { url, poolSize, logger }: DatabaseOptions) => {
  await app.register(postgres, {
    ...poolOptions({ url, applicationName: 'order-api', max: poolSize }),
    pg: postgresDriver,
    // Statements that do not depend on each other's results share one round trip.
    pipeline: true
  })
  guardPool(app.pg.pool, logger)
}, { name: 'database' })

/** A readiness check: this database can store orders. It reads no row and writes none. */
export function orderDatabaseCheck (pool: pg.Pool): () => Promise<void> {
  return databaseCheck<{ standby: boolean, writes_events: boolean }>({
    pool,
    service: 'order-api',
    // The outbox has a check of its own: this role may insert events, and may not read them.
    sql: `SELECT pg_is_in_recovery() AS standby,
                 has_column_privilege('outbox_events', 'payload', 'INSERT') AS writes_events,
                 (SELECT ROW(id, customer_id, status, version, created_at, updated_at) FROM orders LIMIT 0) IS NULL AS orders,
                 (SELECT ROW(key, request_hash, status_code, response, created_at) FROM idempotency_keys LIMIT 0) IS NULL AS keys`,
    problemOf (row) {
      if (row?.writes_events !== true) return 'no right to insert into outbox_events'
      return row.standby ? 'a standby, which accepts no writes' : undefined
    }
  })
}
