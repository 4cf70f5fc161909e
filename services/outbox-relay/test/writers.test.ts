import { testTopic } from '@orders/testing/framework'
import pg from 'pg'
import t from 'tap'
import { RelayFixture } from './fixture/relay-fixture.ts'

const MINUTE_MS = '60000'

/** As a program in any language does, with the rights of a writer. */
async function insert (fixture: RelayFixture, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: fixture.writerUrl })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

t.test('a writer needs only plain SQL', async (t) => {
  const invoices = await testTopic(t)
  const fixture = await RelayFixture.create(t, {
    settings: { RELAY_TOPICS: `invoice=${invoices.topic}`, RELAY_POLL_INTERVAL_MS: '50', RELAY_SOURCE: '/billing' }
  })
  await fixture.relay('relay')
  await insert(fixture, `INSERT INTO outbox_events (event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers)
    VALUES ('0198b1f2-0000-7000-8000-000000000001', 'invoice', 'i-1', 1, 'InvoiceSent', '{"total": 12.50}',
            '{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "attempt": 3, "ce_id": "forged"}')`)
  await insert(fixture, `INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    VALUES ('order', 'o-1', 1, 'OrderCreated', '{}')`)
  await fixture.published()

  const [invoice, ...others] = await fixture.records({ topic: invoices.topic, atLeast: 1 })
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
  t.match(await fixture.records({ atLeast: 1 }), [{ key: 'o-1' }], 'a type without a topic of its own')
})

t.test('a notification wakes the relay', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { RELAY_POLL_INTERVAL_MS: MINUTE_MS } })
  await fixture.relay('relay')
  await fixture.post('a')
  await fixture.published()
  for (let times = 0; times < 3; times++) {
    await insert(fixture, `INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
      VALUES ('order', 'silent-${times}', 1, 'OrderCreated', '{}')`)
    await insert(fixture, 'NOTIFY outbox_wakeup')
    // Long before the next poll.
    await fixture.published()
  }
  t.pass('three wake-ups')
})
