import type pg from 'pg'
import { toView, VIEW_COLUMNS, type OrderView, type ViewRow } from './find-view.ts'

/** Newest first: order ids are UUIDs of version 7. */
export async function listViews (pool: pg.Pool, customerId: string, before: string | undefined, limit: number): Promise<OrderView[]> {
  const { rows } = await pool.query<ViewRow>({
    text: `SELECT ${VIEW_COLUMNS} FROM order_views v
           WHERE customer_id = $1 AND ($2::uuid IS NULL OR order_id < $2) ORDER BY order_id DESC LIMIT $3`,
    values: [customerId, before, limit]
  })
  return rows.map(toView)
}
