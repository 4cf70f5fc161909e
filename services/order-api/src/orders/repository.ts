import type { OrderStatus } from '@orders/contracts'
import type pg from 'pg'
import type { Order } from '../schemas/order.ts'

interface OrderRow {
  id: string
  customer_id: string
  status: OrderStatus
  /** A string once the column is wider than an integer: the driver does not round it. */
  version: number | string
  created_at: Date
  updated_at: Date
}

const COLUMNS = 'id, customer_id, status, version, created_at, updated_at'

/** A new order is PENDING and has version 1. */
export async function insertOrder (transaction: pg.ClientBase, { id, customerId }: { id: string, customerId: string }): Promise<Order> {
  const { rows: [row] } = await transaction.query<OrderRow>({
    name: 'insert_order',
    text: `INSERT INTO orders (id, customer_id) VALUES ($1, $2) RETURNING ${COLUMNS}`,
    values: [id, customerId]
  })
  if (row === undefined) throw new Error('expected the inserted order, found no row')
  return toOrder(row)
}

/**
 * Changes the status if it is one of `from`. The order stays locked until the transaction ends, so run this statement before
 * the event is enqueued: only the transaction that holds the lock has the next version, and no other transaction can take a
 * lower outbox id for a higher version.
 *
 * @returns undefined if there is no such order, or its status is another one
 */
export async function updateStatus (
  transaction: pg.ClientBase, id: string, from: readonly OrderStatus[], to: OrderStatus
): Promise<Order | undefined> {
  const { rows: [row] } = await transaction.query<OrderRow>({
    name: 'change_status',
    text: `UPDATE orders SET status = $3, version = version + 1, updated_at = clock_timestamp()
           WHERE id = $1 AND status = ANY ($2) RETURNING ${COLUMNS}`,
    values: [id, from, to]
  })
  return row === undefined ? undefined : toOrder(row)
}

export async function findOrder (client: pg.Pool | pg.ClientBase, id: string): Promise<Order | undefined> {
  const { rows: [row] } = await client.query<OrderRow>({
    name: 'find_order',
    text: `SELECT ${COLUMNS} FROM orders WHERE id = $1`,
    values: [id]
  })
  return row === undefined ? undefined : toOrder(row)
}

export interface ListOptions {
  customerId: string | undefined
  /** Only orders older than this one; undefined begins with the newest order. */
  before: string | undefined
  limit: number
}

/** Newest first. Ids are UUIDs of version 7, so they sort by creation time, and a page is one index range. */
export async function listOrders (pool: pg.Pool, { customerId, before, limit }: ListOptions): Promise<Order[]> {
  const { rows } = await pool.query<OrderRow>({
    text: `SELECT ${COLUMNS} FROM orders
           WHERE ($1::text IS NULL OR customer_id = $1) AND ($2::uuid IS NULL OR id < $2)
           ORDER BY id DESC LIMIT $3`,
    values: [customerId, before, limit]
  })
  return rows.map(toOrder)
}

function toOrder (row: OrderRow): Order {
  return {
    id: row.id,
    customerId: row.customer_id,
    status: row.status,
    version: Number(row.version),
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString()
  }
}
