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

interface ViewRow {
  order_id: string
  customer_id: string
  status: string
  version: string
  created_at: Date
  updated_at: Date
}

const VIEW_COLUMNS = 'v.order_id, v.customer_id, v.status, v.version, v.created_at, v.updated_at'

function toView (row: ViewRow): OrderView {
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

/** A limit for the answer. Our own orders have a handful of versions; orders of other producers may have more. */
const MAX_HISTORY = 1_000

/**
 * An order with its newest versions, up to 1,000. One statement: between two statements an event could be applied, and only the
 * second one would see it.
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

/** Newest first: order ids are UUIDs of version 7, which sort by creation time. */
export async function listViews (pool: pg.Pool, customerId: string, before: string | undefined, limit: number): Promise<OrderView[]> {
  const { rows } = await pool.query<ViewRow>({
    text: `SELECT ${VIEW_COLUMNS} FROM order_views v
           WHERE customer_id = $1 AND ($2::uuid IS NULL OR order_id < $2) ORDER BY order_id DESC LIMIT $3`,
    values: [customerId, before, limit]
  })
  return rows.map(toView)
}

/** Counted in the transactions that applied the events. */
export interface EffectCounts {
  applied: number
  duplicates: number
  gaps: number
  deadLetters: number
}

export interface OrderCounts {
  orders: number
  byStatus: Record<string, number>
}

/** Cheap: reads one row for each partition. */
export async function readEffectCounts (pool: pg.Pool): Promise<EffectCounts> {
  const { rows: [row] } = await pool.query<{ applied: string, duplicates: string, gaps: string, dead_letters: string }>(
    `SELECT coalesce(sum(applied), 0) AS applied, coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(gaps), 0) AS gaps,
            coalesce(sum(dead_letters), 0) AS dead_letters FROM consumer_stats`)
  return {
    applied: Number(row?.applied),
    duplicates: Number(row?.duplicates),
    gaps: Number(row?.gaps),
    deadLetters: Number(row?.dead_letters)
  }
}

/** Expensive: reads every order. */
export async function readOrderCounts (pool: pg.Pool): Promise<OrderCounts> {
  const { rows } = await pool.query<{ status: string, count: number }>(
    'SELECT status, count(*)::int AS count FROM order_views GROUP BY status ORDER BY status')
  return {
    orders: rows.reduce((sum, { count }) => sum + count, 0),
    byStatus: Object.fromEntries(rows.map(({ status, count }) => [status, count]))
  }
}
