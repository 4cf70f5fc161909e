import type pg from 'pg'
import type { ReceivedEvent } from './received-event.ts'

/** One row for each event that takes effect. No ON CONFLICT: a version applied twice is a defect, and must not pass. */
export async function writeHistory (client: pg.ClientBase, events: readonly ReceivedEvent[]): Promise<void> {
  await client.query({
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
