import { deleteOldRows, type DeletedRows } from '@orders/service-kit'
import type pg from 'pg'
import type { Order } from '../schemas/order.ts'

export interface StoredAnswer {
  requestHash: string
  statusCode: number
  response: Order
}

const UNIQUE_VIOLATION = '23505'

/**
 * Locks the key until this transaction ends. The hash has a random seed that other roles cannot read, so no other role can
 * compute the lock of a key and block its requests.
 *
 * @returns false if another transaction has the lock
 */
export async function lockKey (client: pg.ClientBase, key: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>({
    name: 'lock_idempotency_key',
    text: 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, (SELECT seed FROM idempotency_lock_seed))) AS locked',
    values: [key]
  })
  return rows[0]?.locked === true
}

export async function findAnswer (client: pg.ClientBase, key: string): Promise<StoredAnswer | undefined> {
  const { rows: [row] } = await client.query<{ request_hash: string, status_code: number | string, response: Order }>({
    name: 'find_answer',
    text: 'SELECT request_hash, status_code, response FROM idempotency_keys WHERE key = $1',
    values: [key]
  })
  return row === undefined ? undefined : { requestHash: row.request_hash, statusCode: Number(row.status_code), response: row.response }
}

export async function storeAnswer (client: pg.ClientBase, key: string, answer: StoredAnswer): Promise<void> {
  await client.query({
    name: 'store_answer',
    text: 'INSERT INTO idempotency_keys (key, request_hash, status_code, response) VALUES ($1, $2, $3, $4)',
    values: [key, answer.requestHash, answer.statusCode, JSON.stringify(answer.response)]
  })
}

/** Whether the answer could not be stored, because another request with the same key had stored one. */
export function isAnsweredElsewhere (error: unknown): boolean {
  const { code, table } = (error ?? {}) as { code?: unknown, table?: unknown }
  return code === UNIQUE_VIOLATION && table === 'idempotency_keys'
}

/** Deletes the oldest keys past their retention, up to `limit`: see {@link deleteOldRows}. */
export async function deleteOldKeys (pool: pg.Pool, retentionHours: number, limit: number, from?: string): Promise<DeletedRows> {
  return deleteOldRows(pool, { table: 'idempotency_keys', key: 'key', writtenAt: 'created_at' }, retentionHours, limit, from)
}
