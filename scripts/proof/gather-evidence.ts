import { createAdmin, type KafkaConnection } from '@orders/kafka'
import pg from 'pg'
import type { OrderLoad } from './order-load.ts'
import type { Effect, Evidence } from './verdict.ts'

export interface Traces {
  connection: KafkaConnection
  topic: string
  /** The consumer's database, as somebody who may read everything. */
  viewsUrl: string
}

/** Reads the whole topic as a read-committed reader, and everything that the consumer wrote. */
export async function gatherEvidence ({ connection, topic, viewsUrl }: Traces, load: OrderLoad): Promise<Evidence> {
  const admin = await createAdmin(connection)
  const records = await admin.readTopic(topic).finally(() => admin.close())
  const views = new pg.Client({ connectionString: viewsUrl })
  await views.connect()
  try {
    return {
      accepted: load.accepted.values(),
      unanswered: load.unanswered,
      records,
      effects: await readEffects(views, 'order_history'),
      effectsCounted: await countEffects(views),
      views: await readEffects(views, 'order_views')
    }
  } finally {
    await views.end()
  }
}

async function readEffects (views: pg.Client, table: 'order_history' | 'order_views'): Promise<Effect[]> {
  const { rows } = await views.query<{ order_id: string, version: string, status: string }>(`SELECT order_id, version, status FROM ${table}`)
  return rows.map((row) => ({ orderId: row.order_id, version: Number(row.version), status: row.status }))
}

async function countEffects (views: pg.Client): Promise<number> {
  const { rows } = await views.query<{ applied: string }>('SELECT coalesce(sum(applied), 0) AS applied FROM consumer_stats')
  return Number(rows[0]?.applied)
}
