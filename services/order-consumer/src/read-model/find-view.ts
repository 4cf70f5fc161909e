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

export const VIEW_COLUMNS = 'v.order_id, v.customer_id, v.status, v.version, v.created_at, v.updated_at'

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

interface HistoryRow extends ViewRow {
  history_version: string
  history_status: string
  event_id: string
  occurred_at: Date
}

/** No order of ours changes so often; one made by others could, and its answer would have no limit. */
const MAX_HISTORY = 1_000

/**
 * An order with its newest versions, up to 1,000. In one statement: between two, an event could be applied that only one of
 * them sees.
 */
export async function findView (pool: pg.Pool, orderId: string): Promise<OrderView & { history: HistoryEntry[] } | undefined> {
  const { rows } = await pool.query<HistoryRow>({
    name: 'find_view',
    text: `SELECT ${VIEW_COLUMNS},
                  h.version AS history_version, h.status AS history_status, h.event_id, h.occurred_at
           FROM order_views v JOIN order_history h USING (order_id) WHERE order_id = $1 ORDER BY h.version DESC LIMIT $2`,
    values: [orderId, MAX_HISTORY]
  })
  const [row] = rows
  return row === undefined ? undefined : { ...toView(row), history: rows.reverse().map(toHistoryEntry) }
}

function toHistoryEntry (row: HistoryRow): HistoryEntry {
  return { version: Number(row.history_version), status: row.history_status, eventId: row.event_id, occurredAt: row.occurred_at.toISOString() }
}
