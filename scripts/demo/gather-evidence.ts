import { createAdmin } from '@orders/kafka'
import pg from 'pg'
import type { OrderLoad } from './order-load.ts'
import type { Stage } from './stage.ts'
import type { Effect, Evidence } from './verdict.ts'

/** Reads the whole topic as a read-committed reader, and the consumer's history. */
export async function gatherEvidence ({ connection, topic, viewsUrl }: Pick<Stage, 'connection' | 'topic' | 'viewsUrl'>, load: OrderLoad): Promise<Evidence> {
  const admin = await createAdmin(connection)
  const records = await admin.readTopic(topic).finally(() => admin.close())
  const client = new pg.Client({ connectionString: viewsUrl })
  await client.connect()
  try {
    const history = await client.query<{ order_id: string, version: string, status: string }>('SELECT order_id, version, status FROM order_history')
    const stats = await client.query<{ applied: string }>('SELECT coalesce(sum(applied), 0) AS applied FROM consumer_stats')
    const effects: Effect[] = history.rows.map((row) => ({ orderId: row.order_id, version: Number(row.version), status: row.status }))
    return { accepted: load.accepted.values(), records, effects, effectsCounted: Number(stats.rows[0]?.applied) }
  } finally {
    await client.end()
  }
}
