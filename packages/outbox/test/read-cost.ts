import type { Statement } from '@orders/outbox'
import type pg from 'pg'

/** The blocks of tables and indexes that the reads of `work` touch. Unlike a time, the same on every machine. */
export async function blocksOf (client: pg.Client, work: () => Promise<unknown>): Promise<number> {
  let blocks = 0
  const query = client.query.bind(client) as (statement: Statement | string, values?: unknown[]) => Promise<pg.QueryResult>
  const patched = client as unknown as { query: unknown }
  patched.query = async (statement: Statement) => {
    if (/^outbox_(read|lowest|backlog|oldest|count)/.test(statement.name ?? '')) {
      const { rows: [row] } = await query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement.text}`, statement.values)
      const { Plan: plan } = (row as { 'QUERY PLAN': [{ Plan: Record<string, number> }] })['QUERY PLAN'][0]
      blocks += (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0)
    }
    return query(statement)
  }
  try {
    await work()
  } finally {
    patched.query = query
  }
  return blocks
}
