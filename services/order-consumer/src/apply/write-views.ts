import type pg from 'pg'
import type { ReceivedEvent } from './received-event.ts'

/** An order's newest event, and when its first one happened. */
export interface NewestEvent {
  newest: ReceivedEvent
  firstAt: Date
}

/** Writes the newest state of each order. The condition is the version guard's last word, for orders that were not locked. */
export async function writeViews (client: pg.ClientBase, orders: readonly NewestEvent[]): Promise<void> {
  await client.query({
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
