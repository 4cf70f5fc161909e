import type pg from 'pg'

export interface Stats {
  orders: number
  byStatus: Record<string, number>
  applied: number
  duplicates: number
  gaps: number
  deadLetters: number
}

export async function readStats (pool: pg.Pool): Promise<Stats> {
  const [statuses, counts] = await Promise.all([
    pool.query<{ status: string, count: number }>('SELECT status, count(*)::int AS count FROM order_views GROUP BY status ORDER BY status'),
    pool.query<{ applied: string, duplicates: string, gaps: string, dead_letters: string }>(
      `SELECT coalesce(sum(applied), 0) AS applied, coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(gaps), 0) AS gaps,
              coalesce(sum(dead_letters), 0) AS dead_letters FROM consumer_stats`)
  ])
  const [row] = counts.rows
  return {
    orders: statuses.rows.reduce((sum, { count }) => sum + count, 0),
    byStatus: Object.fromEntries(statuses.rows.map(({ status, count }) => [status, count])),
    applied: Number(row?.applied),
    duplicates: Number(row?.duplicates),
    gaps: Number(row?.gaps),
    deadLetters: Number(row?.dead_letters)
  }
}
