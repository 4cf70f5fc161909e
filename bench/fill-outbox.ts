import pg from 'pg'

const AGGREGATES = 1_000
const EVENTS_PER_STATEMENT = 20_000

/**
 * Puts events into the outbox, in the order of their versions: a payload of about 300 bytes, 1,000 aggregates in turn.
 *
 * @returns the id of the last one
 */
export async function fillOutbox (url: string, events: number): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('SET synchronous_commit = off')
    for (let from = 0; from < events; from += EVENTS_PER_STATEMENT) {
      await client.query({
        text: `INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers)
               SELECT 'order', md5(($3 + g % $1)::text)::uuid, g / $1 + 1, 'OrderCreated',
                      jsonb_build_object('orderId', md5(g::text)::uuid, 'customerId', 'customer-' || g % 97, 'seq', g, 'pad', repeat('x', 200)),
                      jsonb_build_object('traceparent', '00-' || md5(g::text) || '-' || left(md5((g + 1)::text), 16) || '-01')
               FROM generate_series($2::int, $2::int + $4::int - 1) AS g ORDER BY g`,
        values: [AGGREGATES, from, 1_000_000, Math.min(EVENTS_PER_STATEMENT, events - from)]
      })
    }
    await client.query('CHECKPOINT')
    await client.query('ANALYZE outbox_events')
    const { rows } = await client.query<{ id: string }>('SELECT max(id)::text AS id FROM outbox_events')
    return rows[0]?.id ?? '0'
  } finally {
    await client.end()
  }
}
