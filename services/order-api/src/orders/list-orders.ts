import type pg from 'pg'
import type { Order } from './schema.ts'
import { ORDER_COLUMNS, toOrder, type OrderRow } from './order-row.ts'

export interface ListOptions {
  customerId: string | undefined
  /** Orders before this one; undefined begins with the newest. */
  before: string | undefined
  limit: number
}

/** Newest first. Ids are UUIDs of version 7, so their order is that of their creation, and a page is one index range. */
export async function listOrders (pool: pg.Pool, { customerId, before, limit }: ListOptions): Promise<Order[]> {
  const { rows } = await pool.query<OrderRow>({
    text: `SELECT ${ORDER_COLUMNS} FROM orders
           WHERE ($1::text IS NULL OR customer_id = $1) AND ($2::uuid IS NULL OR id < $2)
           ORDER BY id DESC LIMIT $3`,
    values: [customerId, before, limit]
  })
  return rows.map(toOrder)
}
