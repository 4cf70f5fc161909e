import { until } from '@orders/testing/framework'
import t from 'tap'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'

/** Much shorter than the sweep interval. */
const AT_ONCE = { deadlineMs: 30_000 }
const NEVER_SWEEPS = { RELAY_SWEEP_INTERVAL_MS: '3600000', RELAY_POLL_INTERVAL_MS: '200' }

const insert = (what: string) => `INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload) ${what}`

t.test('the identity was set back, or an old id comes back: no event waits for a sweep', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: NEVER_SWEEPS })
  await fixture.relay('relay')
  await fixture.pool.query(insert("SELECT 'order', 'a' || g, 1, 'E', '{}' FROM generate_series(1, 3000) AS g"))
  await fixture.published()
  // The bound follows within some polls.
  for (let times = 0; times < 3; times++) {
    await fixture.pool.query(insert(`VALUES ('order', 'b${times}', 1, 'E', '{}')`))
    await fixture.published()
  }
  for (const sql of [
    'TRUNCATE outbox_events RESTART IDENTITY',
    "SELECT setval(pg_get_serial_sequence('outbox_events', 'id'), 1)"
  ]) {
    await fixture.pool.query(sql)
    for (let times = 0; times < 2; times++) {
      await fixture.pool.query(insert('VALUES (\'order\', gen_random_uuid()::text, 1, \'E\', \'{}\')'))
      await fixture.published(AT_ONCE)
    }
  }
  await fixture.pool.query(`INSERT INTO outbox_events (id, aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    OVERRIDING SYSTEM VALUE VALUES (-7, 'order', 'by hand', 1, 'E', '{}')`)
  await fixture.published(AT_ONCE)
  t.equal((await fixture.records({ atLeast: 3_008 })).length, 3_008)
})

t.test('a backlog of large events is published, and too large ones become dead letters without their payload being read', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { RELAY_MAX_RECORD_BYTES: '1000000' } })
  const noise = (bytes: number) => `(SELECT string_agg(md5(n::text), '') FROM generate_series(1, ${bytes / 32}) AS n)`
  await fixture.pool.query(insert(`SELECT 'order', 'large-' || g, 1, 'E', jsonb_build_object('text', text)
    FROM generate_series(1, 40) AS g, ${noise(800_000)} AS noise (text)`))
  await fixture.pool.query(insert(`VALUES ('order', 'huge', 1, 'E', to_jsonb(${noise(30_000_000)})), ('order', 'packed', 1, 'E', to_jsonb(repeat('x', 50000000))),
    ('order', 'long', 1, 'E', (SELECT jsonb_agg(1e131000) FROM generate_series(1, 30)))`))
  await fixture.post('small')
  const { service } = await fixture.relay('relay')
  await fixture.published({ deadlineMs: 120_000 })
  t.same(await fixture.anomalies(), NO_ANOMALIES)
  const { rows } = await fixture.pool.query('SELECT aggregate_id, reason FROM outbox_dead_letters AS d ORDER BY d.id')
  t.match(rows, ['huge', 'packed', 'long'].map((aggregate) => ({ aggregate_id: aggregate, reason: /at most 1000000 bytes \(RELAY_MAX_RECORD_BYTES\), found/ })))
  t.equal((await fixture.metrics(service)).sum('relay_dead_lettered_total'), 3)
})

t.test('a table that would change the order of events is reported, and nothing is published from it', async (t) => {
  const fixture = await RelayFixture.create(t)
  await fixture.pool.query('ALTER TABLE outbox_events ALTER COLUMN id SET CACHE 10')
  await fixture.post('a')
  const { service } = await fixture.relay('relay')
  await until(() => service.logs.some((log) => /CACHE 1, found 10/.test(JSON.stringify(log))), { what: 'the relay to say so' })
  t.equal(await fixture.waiting(), 1)
  await fixture.pool.query('ALTER TABLE outbox_events ALTER COLUMN id SET CACHE 1')
  await fixture.published()
})
