import { testTopic } from '@orders/testing/framework'
import pg from 'pg'
import t from 'tap'
import { Stage } from './stage/stage.ts'

const MINUTE_MS = '60000'

/** As a program in any language would, with the rights of a writer. */
async function insert (stage: Stage, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: stage.writerUrl })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

t.test('plain SQL is all that a writer needs', async (t) => {
  const invoices = await testTopic(t)
  const stage = await Stage.set(t, {
    settings: { RELAY_TOPICS: `invoice=${invoices.topic}`, RELAY_POLL_INTERVAL_MS: '50', RELAY_SOURCE: '/billing' }
  })
  await stage.relay('relay')
  await insert(stage, `INSERT INTO outbox_events (event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers)
    VALUES ('0198b1f2-0000-7000-8000-000000000001', 'invoice', 'i-1', 1, 'InvoiceSent', '{"total": 12.50}',
            '{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "attempt": 3, "ce_id": "forged"}')`)
  await insert(stage, `INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    VALUES ('order', 'o-1', 1, 'OrderCreated', '{}')`)
  await stage.published()

  const [invoice, ...others] = await stage.records({ topic: invoices.topic, atLeast: 1 })
  t.same(others, [])
  t.equal(invoice?.key, 'i-1')
  t.equal(String(invoice?.value), '{"total": 12.50}')
  t.match(Object.fromEntries(Object.entries(invoice?.headers ?? {}).map(([name, value]) => [name, String(value)])), {
    ce_specversion: '1.0',
    ce_id: '0198b1f2-0000-7000-8000-000000000001',
    ce_source: '/billing',
    ce_type: 'InvoiceSent',
    // Postgres prints no zeros at the end of a fraction.
    ce_time: /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/,
    ce_subject: 'i-1',
    ce_aggregatetype: 'invoice',
    ce_aggregateversion: '1',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    attempt: '3'
  })
  t.match(await stage.records({ atLeast: 1 }), [{ key: 'o-1' }], 'a type without a topic of its own')
})

t.test('a notification wakes the relay', async (t) => {
  const stage = await Stage.set(t, { settings: { RELAY_POLL_INTERVAL_MS: MINUTE_MS } })
  await stage.relay('relay')
  await stage.post('a')
  await stage.published()
  for (let times = 0; times < 3; times++) {
    await insert(stage, `INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
      VALUES ('order', 'silent-${times}', 1, 'OrderCreated', '{}')`)
    await insert(stage, 'NOTIFY outbox_wakeup')
    // Long before the next poll.
    await stage.published()
  }
  t.pass('three wake-ups')
})
