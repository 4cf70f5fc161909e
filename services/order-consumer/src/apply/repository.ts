import type pg from 'pg'
import type { ReceivedEvent } from './received-event.ts'

/**
 * Adds the events to the inbox. A consumer that reads the same events concurrently waits here for this transaction, and then
 * finds them in the inbox.
 *
 * @returns the ids that were new: only these may take effect
 */
export async function insertInbox (transaction: pg.ClientBase, eventIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await transaction.query<{ event_id: string }>({
    name: 'insert_inbox',
    // Sorted: otherwise two consumers with overlapping batches could deadlock.
    text: `INSERT INTO inbox (event_id) SELECT event_id FROM unnest($1::uuid[]) AS e (event_id) ORDER BY event_id
           ON CONFLICT DO NOTHING RETURNING event_id`,
    values: [eventIds]
  })
  return new Set(rows.map((row) => row.event_id))
}

/** The versions of the orders in the read model, by order id. The rows are locked until the transaction ends. */
export async function readVersions (transaction: pg.ClientBase, orderIds: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await transaction.query<{ order_id: string, version: string }>({
    name: 'read_versions',
    text: 'SELECT order_id, version FROM order_views WHERE order_id = ANY ($1::uuid[]) ORDER BY order_id FOR UPDATE',
    values: [orderIds]
  })
  return new Map(rows.map((row) => [row.order_id, Number(row.version)]))
}

/** Inserts one row for each event that takes effect. Without ON CONFLICT: a version that is applied twice is a defect, and must fail. */
export async function writeHistory (transaction: pg.ClientBase, events: readonly ReceivedEvent[]): Promise<void> {
  await transaction.query({
    name: 'write_history',
    text: `INSERT INTO order_history (order_id, version, event_id, status, occurred_at)
           SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::timestamptz[])`,
    values: [
      events.map((event) => event.orderId),
      events.map((event) => event.version),
      events.map((event) => event.eventId),
      events.map((event) => event.status),
      events.map((event) => event.occurredAt)
    ]
  })
}

/** An order's newest event in a batch, and the time of its first one. */
export interface NewestEvent {
  newest: ReceivedEvent
  firstAt: Date
}

/** Writes the newest state of each order. The condition on the version protects new orders, which `readVersions` cannot lock. */
export async function writeViews (transaction: pg.ClientBase, orders: readonly NewestEvent[]): Promise<void> {
  await transaction.query({
    name: 'write_views',
    text: `INSERT INTO order_views AS v (order_id, customer_id, status, version, created_at, updated_at)
           SELECT order_id, customer_id, status, version, created_at, updated_at
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])
             AS e (order_id, customer_id, status, version, created_at, updated_at)
           ORDER BY order_id
           ON CONFLICT (order_id) DO UPDATE
             SET status = excluded.status, version = excluded.version, updated_at = excluded.updated_at
             WHERE v.version < excluded.version`,
    values: [
      orders.map(({ newest }) => newest.orderId),
      orders.map(({ newest }) => newest.customerId),
      orders.map(({ newest }) => newest.status),
      orders.map(({ newest }) => newest.version),
      orders.map(({ firstAt }) => firstAt),
      orders.map(({ newest }) => newest.occurredAt)
    ]
  })
}

export interface Counts {
  applied: number
  duplicates: number
  gaps: number
  deadLetters: number
}

/** The location of a row's newest version in its table: Postgres's `ctid`. */
export type RowPlace = string

/**
 * Adds to the counts of a partition.
 *
 * Finds the row by its last known place, if there is one. A search by the key visits every version of the row that VACUUM cannot
 * remove yet, which is one for each batch since the oldest open snapshot. A single forgotten transaction anywhere in the
 * database would make every batch slower than the one before. For the same reason the table has no key: two consumers may insert a
 * row each for one partition, and readers add them up.
 *
 * @returns the new place, valid after the commit
 */
export async function addStats (transaction: pg.ClientBase, partition: number, counts: Counts, known?: RowPlace): Promise<RowPlace> {
  const values = [partition, counts.applied, counts.duplicates, counts.gaps, counts.deadLetters]
  if (known !== undefined) {
    const { rows: [row] } = await transaction.query<{ place: RowPlace }>({
      name: 'add_stats_at',
      text: `UPDATE consumer_stats
             SET applied = applied + $2, duplicates = duplicates + $3, gaps = gaps + $4, dead_letters = dead_letters + $5
             WHERE ctid = $6::tid AND partition = $1 RETURNING ctid::text AS place`,
      values: [...values, known]
    })
    if (row !== undefined) return row.place
    // Not there: another consumer has updated the row since, or VACUUM FULL has moved it.
  }
  const { rows: [row] } = await transaction.query<{ place: RowPlace }>({
    name: 'add_stats',
    text: `WITH updated AS (
             UPDATE consumer_stats
             SET applied = applied + $2, duplicates = duplicates + $3, gaps = gaps + $4, dead_letters = dead_letters + $5
             WHERE ctid = (SELECT ctid FROM consumer_stats WHERE partition = $1 LIMIT 1) RETURNING ctid
           ), inserted AS (
             INSERT INTO consumer_stats (partition, applied, duplicates, gaps, dead_letters)
             SELECT $1::integer, $2::bigint, $3::bigint, $4::bigint, $5::bigint WHERE NOT EXISTS (SELECT FROM updated) RETURNING ctid
           )
           SELECT ctid::text AS place FROM updated UNION ALL SELECT ctid::text FROM inserted`,
    values
  })
  return row?.place ?? ''
}
