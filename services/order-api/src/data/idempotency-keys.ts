import type pg from 'pg'
import type { Order } from '../schemas/order.ts'

export interface StoredAnswer {
  requestHash: string
  statusCode: number
  response: Order
}

/** Whether no other transaction works under this key now. Held until this transaction ends. */
export async function lockKey (client: pg.ClientBase, key: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>({
    name: 'lock_idempotency_key',
    text: 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked',
    values: [key]
  })
  return rows[0]?.locked === true
}

export async function findAnswer (client: pg.ClientBase, key: string): Promise<StoredAnswer | undefined> {
  const { rows: [row] } = await client.query<{ request_hash: string, status_code: number, response: Order }>({
    name: 'find_answer',
    text: 'SELECT request_hash, status_code, response FROM idempotency_keys WHERE key = $1',
    values: [key]
  })
  return row === undefined ? undefined : { requestHash: row.request_hash, statusCode: row.status_code, response: row.response }
}

export async function storeAnswer (client: pg.ClientBase, key: string, answer: StoredAnswer): Promise<void> {
  await client.query({
    name: 'store_answer',
    text: 'INSERT INTO idempotency_keys (key, request_hash, status_code, response) VALUES ($1, $2, $3, $4)',
    values: [key, answer.requestHash, answer.statusCode, JSON.stringify(answer.response)]
  })
}

/** Deletes some of the keys that are too old; a part at a time, so that no transaction is long. @returns how many */
export async function deleteOldKeys (pool: pg.Pool, retentionHours: number, limit: number): Promise<number> {
  const { rowCount } = await pool.query({
    text: `DELETE FROM idempotency_keys WHERE key IN (
             SELECT key FROM idempotency_keys WHERE created_at < clock_timestamp() - make_interval(hours => $1)
             ORDER BY created_at LIMIT $2)`,
    values: [retentionHours, limit]
  })
  return rowCount ?? 0
}
