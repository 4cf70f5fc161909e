import type pg from 'pg'

/** Undefined table, undefined column, no such schema, no right to use one. */
const WRONG_DATABASE = new Set(['42P01', '42703', '3F000', '42501'])

/** Postgres answers, and orders cannot be taken there all the same. */
export class UnusableDatabaseError extends Error {
  readonly code = 'ORDER_API_UNUSABLE_DATABASE'

  constructor (found: string, cause?: Error) {
    super(`expected the tables of order-api in the database of DATABASE_URL, and the right to write them, found: ${found}. Correct DATABASE_URL, or run the migrations`, { cause })
    this.name = 'UnusableDatabaseError'
  }
}

/**
 * For readiness: whether orders could be taken now. Reads no row and writes none.
 *
 * @throws UnusableDatabaseError, or what keeps Postgres from answering
 */
export async function assertUsable (pool: pg.Pool): Promise<void> {
  const { rows: [row] } = await pool.query<{ standby: boolean, writes_events: boolean }>({
    // Names and rights are checked when a statement begins. The outbox is written by this role, and never read.
    text: `SELECT pg_is_in_recovery() AS standby,
                  has_column_privilege('outbox_events', 'payload', 'INSERT') AS writes_events,
                  (SELECT ROW(id, customer_id, status, version, created_at, updated_at) FROM orders LIMIT 0) IS NULL AS orders,
                  (SELECT ROW(key, request_hash, status_code, response, created_at) FROM idempotency_keys LIMIT 0) IS NULL AS keys`
  }).catch((error: pg.DatabaseError) => {
    throw WRONG_DATABASE.has(error.code ?? '') ? new UnusableDatabaseError(error.message, error) : error
  })
  if (row?.writes_events !== true) throw new UnusableDatabaseError('no right to insert into outbox_events')
  if (row.standby) throw new UnusableDatabaseError('a standby, which takes no writes')
}
