import type pg from 'pg'

/** What was counted in the transactions that applied events. */
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

/** A row for each partition: cheap. */
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

/** Looks at every order there is: expensive. */
export async function readOrderCounts (pool: pg.Pool): Promise<OrderCounts> {
  const { rows } = await pool.query<{ status: string, count: number }>(
    'SELECT status, count(*)::int AS count FROM order_views GROUP BY status ORDER BY status')
  return {
    orders: rows.reduce((sum, { count }) => sum + count, 0),
    byStatus: Object.fromEntries(rows.map(({ status, count }) => [status, count]))
  }
}
