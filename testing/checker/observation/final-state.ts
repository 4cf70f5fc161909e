import { createHash } from 'node:crypto'
import { STATUS_AFTER, type OrderEventType } from '@orders/contracts'
import type { EnqueuedRow, FenceRow, FinalState, OffsetRow, OrderRow, ReadersRow, TopicRow } from '../final-state.ts'
import type { KafkaAdmin, KafkaConnection, StoredRecord } from '@orders/kafka'
import { ReaderComparison, withAdmin } from '../../framework/index.ts'
import pg from 'pg'

const READ_DEADLINE_MS = 600_000

export interface Observed {
  /** Both as the owner. */
  ordersUrl: string
  viewsUrl: string
  connection: KafkaConnection
  topic: string
  /** undefined: no consumer was part of the run. */
  consumer: { group: string, deadLetterTopic: string } | undefined
  health: Record<string, string>
  /** Where Kafka's own Java consumer reads the topics too; undefined: only our reader reads them. */
  java?: { brokers: string }
}

/** Reads everything that a run left behind. */
export async function readFinalState ({ ordersUrl, viewsUrl, connection, topic, consumer, health, java }: Observed): Promise<FinalState> {
  return withAdmin(connection, async (admin) => {
    const readers: ReadersRow = { records: 0, differences: 0, first: [] }
    const read = async <Row>(name: string, toRow: (record: StoredRecord) => Row): Promise<Row[]> => {
      const comparison = new ReaderComparison()
      const ends = await admin.endOffsets(name)
      const rows = await admin.mapTopic(name, (record) => {
        if (java !== undefined) comparison.add(record)
        return toRow(record)
      }, { deadlineMs: READ_DEADLINE_MS })
      if (java !== undefined) add(readers, await comparison.withJava({ brokers: java.brokers, topic: name, ends, deadlineMs: READ_DEADLINE_MS }))
      return rows
    }
    return {
      ...await readOrderDatabase(ordersUrl),
      ...await readEffects(viewsUrl),
      topic: await read(topic, toTopicRow),
      offsets: consumer === undefined ? [] : await readOffsets(admin, consumer.group, topic),
      putAside: consumer === undefined ? [] : await read(consumer.deadLetterTopic, toOrigin),
      health,
      restores: [],
      undoneEvents: [],
      undoneAnswers: [],
      undoneFence: [],
      copies: [],
      copiedEvents: [],
      ...(java === undefined ? {} : { readers })
    }
  })
}

export const ANSWERS = `SELECT key, response->>'id' AS "order", (response->>'version')::int AS version, response->>'status' AS status
                        FROM idempotency_keys WHERE status_code < 300`

/** @param condition on `audit.enqueued` */
export async function readEnqueued (query: Query, condition = 'true'): Promise<EnqueuedRow[]> {
  const rows = await query<Omit<EnqueuedRow, 'status'> & { type: OrderEventType }>(
    `SELECT id, event_id AS event, aggregate_id AS "order", aggregate_version AS version, event_type AS type, hash
     FROM audit.enqueued WHERE ${condition} ORDER BY id`)
  return rows.map(({ type, ...row }) => ({ ...row, status: STATUS_AFTER[type] }))
}

/** @param after only rows with a higher number */
export async function readFence (query: Query, after = 0): Promise<FenceRow[]> {
  const rows = await query<{ seq: number, what: 'claim', by: string, shard: number | null, epoch: number | null, ids: string[] | null }>(
    `SELECT f.seq, f.what, f.by, coalesce(f.shard, held.shard) AS shard, coalesce(f.epoch, held.epoch) AS epoch, f.ids
     FROM audit.fence AS f LEFT JOIN audit.fence AS held ON f.what = 'delete' AND held.what <> 'delete' AND held.tx = f.tx
     WHERE f.seq > ${after} ORDER BY f.seq`)
  return rows.map(({ seq, what, by, shard, epoch, ids }) => ({
    seq, what, by, ...(shard === null ? {} : { shard }), ...(epoch === null ? {} : { epoch }), ...(ids === null ? {} : { ids: ids.map(Number) })
  }))
}

type FromOrders = Pick<FinalState, 'orders' | 'answers' | 'enqueued' | 'outbox' | 'deadLetters' | 'fence' | 'idleInTransaction'>
type FromViews = Pick<FinalState, 'inbox' | 'effects' | 'views' | 'effectsCounted'>

const ORDERS = 'SELECT id AS "order", version, status, customer_id AS origin FROM orders'

/** Every order, of every client. Each of its versions has an event. @param url the order-api's database, as a role that may read it */
export async function readOrders (url: string): Promise<OrderRow[]> {
  return withClient(url, (query) => query<OrderRow>(ORDERS))
}

async function readOrderDatabase (url: string): Promise<FromOrders> {
  return withClient(url, async (query) => ({
    orders: await query(ORDERS),
    answers: await query(ANSWERS),
    enqueued: await readEnqueued(query),
    outbox: (await query<{ id: number }>('SELECT id FROM outbox_events ORDER BY id')).map(({ id }) => id),
    deadLetters: await query(`SELECT event_id AS event, aggregate_id AS "order", aggregate_version AS version, blocking,
                                     replayed_at IS NOT NULL AS replayed FROM outbox_dead_letters`),
    fence: await readFence(query),
    idleInTransaction: (await query<{ sessions: number }>(
      `SELECT count(*)::int AS sessions FROM pg_stat_activity
       WHERE state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '5 seconds' AND datname = current_database()`))[0]?.sessions ?? 0
  }))
}

/** What the consumer wrote, in one snapshot: an event applied meanwhile would be in one of the tables and not in another. */
export async function readEffects (url: string): Promise<FromViews> {
  return withClient(url, async (query) => {
    await query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    return {
      inbox: (await query<{ event: string }>('SELECT event_id AS event FROM inbox')).map(({ event }) => event),
      effects: await query('SELECT event_id AS event, order_id AS "order", version, status FROM order_history'),
      views: await query('SELECT order_id AS "order", version, status FROM order_views'),
      effectsCounted: (await query<{ applied: number }>('SELECT coalesce(sum(applied), 0)::int8 AS applied FROM consumer_stats'))[0]?.applied ?? 0
    }
  })
}

async function readOffsets (admin: KafkaAdmin, group: string, topic: string): Promise<OffsetRow[]> {
  const committed = await admin.committedOffsets(group, topic)
  return [...(await admin.endOffsets(topic)).keys()].map((partition) => ({ partition, offset: Number(committed.get(partition) ?? 0n) }))
}

function add (sum: ReadersRow, { records, differences, first }: ReadersRow): void {
  Object.assign(sum, { records: sum.records + records, differences: sum.differences + differences, first: [...sum.first, ...first] })
}

/** The record that became this dead letter of the consumer. */
export function toOrigin ({ headers }: StoredRecord): OffsetRow {
  return { partition: Number(String(headers['x-dead-letter-partition'])), offset: Number(String(headers['x-dead-letter-offset'])) }
}

function toTopicRow ({ partition, offset, value, headers }: StoredRecord): TopicRow {
  const row: TopicRow = { partition, offset: Number(offset) }
  if (headers.ce_id === undefined) return row
  return {
    ...row,
    event: String(headers.ce_id),
    order: String(headers.ce_subject),
    version: Number(String(headers.ce_aggregateversion)),
    hash: createHash('sha256').update(value ?? '').digest('hex')
  }
}

export type Query = <Row extends object>(sql: string) => Promise<Row[]>

export async function withClient<T> (url: string, read: (query: Query) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    // bigint as a number: what a run counts stays far below 2^53.
    types: { getTypeParser: (oid, format) => Number(oid) === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text') }
  })
  await client.connect()
  try {
    return await read(async <Row extends object>(sql: string) => (await client.query<Row>(sql)).rows)
  } finally {
    await client.end()
  }
}
