import type pg from 'pg'

export interface OrderView {
  orderId: string
  customerId: string
  status: string
  version: number
  createdAt: string
  updatedAt: string
}

export interface HistoryEntry {
  version: number
  status: string
  eventId: string
  occurredAt: string
}

export interface ViewRow {
  order_id: string
  customer_id: string
  status: string
  version: string
  created_at: Date
  updated_at: Date
}

export const VIEW_COLUMNS = 'order_id, customer_id, status, version, created_at, updated_at'

export function toView (row: ViewRow): OrderView {
  return {
    orderId: row.order_id,
    customerId: row.customer_id,
    status: row.status,
    version: Number(row.version),
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString()
  }
}

export async function findView (pool: pg.Pool, orderId: string): Promise<OrderView | undefined> {
  const { rows: [row] } = await pool.query<ViewRow>({
    name: 'find_view', text: `SELECT ${VIEW_COLUMNS} FROM order_views WHERE order_id = $1`, values: [orderId]
  })
  return row === undefined ? undefined : toView(row)
}

export async function findHistory (pool: pg.Pool, orderId: string): Promise<HistoryEntry[]> {
  const { rows } = await pool.query<{ version: string, status: string, event_id: string, occurred_at: Date }>({
    name: 'find_history',
    text: 'SELECT version, status, event_id, occurred_at FROM order_history WHERE order_id = $1 ORDER BY version',
    values: [orderId]
  })
  return rows.map((row) => ({
    version: Number(row.version), status: row.status, eventId: row.event_id, occurredAt: row.occurred_at.toISOString()
  }))
}
