import { createAdmin, type KafkaConnection } from '@orders/kafka'
import pg from 'pg'
import { untilCaughtUp } from './arrival.ts'
import type { OrderLoad } from '../../traffic/order-load.ts'
import { readStoredOrders, type StoredOrder } from './stored-orders.ts'
import { placeOf, type AppliedEffect, type Delivery, type Effect, type Evidence } from './verdict.ts'

export interface Traces {
  connection: KafkaConnection
  topic: string
  deadLetterTopic: string
  /** The consumer's. */
  group: string
  /** The order-api's database, as somebody who may read everything. */
  ordersUrl: string
  /** The consumer's, the same. */
  viewsUrl: string
  delivery: Delivery
}

/**
 * Reads the whole topic as a read-committed reader, everything that the consumer wrote, and every order.
 *
 * @param stored the orders as they were before the events were waited for: somebody may place one while this reads
 */
export async function gatherEvidence (traces: Traces, load: OrderLoad, stored: readonly StoredOrder[]): Promise<Evidence> {
  const { connection, topic, deadLetterTopic, group, ordersUrl, viewsUrl, delivery } = traces
  const admin = await createAdmin(connection)
  try {
    const records = await admin.readTopic(topic)
    // What somebody wrote since the wait has an effect too, before the effects are read.
    await untilCaughtUp(admin, topic, group)
    const refused = await admin.mapTopic(deadLetterTopic, ({ headers }) =>
      placeOf({ partition: Number(headers['x-dead-letter-partition']), offset: String(headers['x-dead-letter-offset']) }))
    return {
      accepted: load.accepted.values(),
      unanswered: load.unanswered,
      stored,
      records,
      refused: new Set(refused),
      ...await readConsumer(viewsUrl),
      storedAfter: await readStoredOrders(ordersUrl),
      delivery
    }
  } finally {
    await admin.close()
  }
}

/** In one snapshot: an event that is applied in between would be in one of the tables and not in the other. */
async function readConsumer (viewsUrl: string): Promise<Pick<Evidence, 'effects' | 'effectsCounted' | 'views'>> {
  const views = new pg.Client({ connectionString: viewsUrl })
  await views.connect()
  try {
    await views.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    return {
      effects: await readEffects(views),
      effectsCounted: await countEffects(views),
      views: await readViews(views)
    }
  } finally {
    await views.end()
  }
}

async function readEffects (views: pg.Client): Promise<AppliedEffect[]> {
  const { rows } = await views.query<{ order_id: string, version: string, status: string, event_id: string }>(
    'SELECT order_id, version, status, event_id FROM order_history')
  return rows.map((row) => ({ orderId: row.order_id, version: Number(row.version), status: row.status, eventId: row.event_id }))
}

async function readViews (views: pg.Client): Promise<Effect[]> {
  const { rows } = await views.query<{ order_id: string, version: string, status: string }>('SELECT order_id, version, status FROM order_views')
  return rows.map((row) => ({ orderId: row.order_id, version: Number(row.version), status: row.status }))
}

async function countEffects (views: pg.Client): Promise<number> {
  const { rows } = await views.query<{ applied: string }>('SELECT coalesce(sum(applied), 0) AS applied FROM consumer_stats')
  return Number(rows[0]?.applied)
}
