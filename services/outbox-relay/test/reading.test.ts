import { until } from '@orders/testing/framework'
import t from 'tap'
import { EXACTLY_ONCE, Stage } from './stage/stage.ts'

/** Long before a sweep would find anything. */
const AT_ONCE = { deadlineMs: 30_000 }
const NEVER_SWEEPS = { RELAY_SWEEP_INTERVAL_MS: '3600000', RELAY_POLL_INTERVAL_MS: '200' }

const insert = (what: string) => `INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload) ${what}`

t.test('the identity starts again, or an old id comes back: no event waits for a sweep', async (t) => {
  const stage = await Stage.set(t, { settings: NEVER_SWEEPS })
  await stage.relay('relay')
  await stage.pool.query(insert("SELECT 'order', 'a' || g, 1, 'E', '{}' FROM generate_series(1, 3000) AS g"))
  await stage.published()
  // The bound follows within some polls.
  for (let times = 0; times < 3; times++) {
    await stage.pool.query(insert(`VALUES ('order', 'b${times}', 1, 'E', '{}')`))
    await stage.published()
  }
  for (const sql of [
    'TRUNCATE outbox_events RESTART IDENTITY',
    "SELECT setval(pg_get_serial_sequence('outbox_events', 'id'), 1)"
  ]) {
    await stage.pool.query(sql)
    for (let times = 0; times < 2; times++) {
      await stage.pool.query(insert('VALUES (\'order\', gen_random_uuid()::text, 1, \'E\', \'{}\')'))
      await stage.published(AT_ONCE)
    }
  }
  await stage.pool.query(`INSERT INTO outbox_events (id, aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    OVERRIDING SYSTEM VALUE VALUES (-7, 'order', 'by hand', 1, 'E', '{}')`)
  await stage.published(AT_ONCE)
  t.equal((await stage.records({ atLeast: 3_008 })).length, 3_008)
})

t.test('a backlog of large events is published, and what is too large is put aside without a look at it', async (t) => {
  const stage = await Stage.set(t, { settings: { RELAY_MAX_RECORD_BYTES: '1000000' } })
  const noise = (bytes: number) => `(SELECT string_agg(md5(n::text), '') FROM generate_series(1, ${bytes / 32}) AS n)`
  await stage.pool.query(insert(`SELECT 'order', 'large-' || g, 1, 'E', jsonb_build_object('text', text)
    FROM generate_series(1, 40) AS g, ${noise(800_000)} AS noise (text)`))
  await stage.pool.query(insert(`VALUES ('order', 'huge', 1, 'E', to_jsonb(${noise(30_000_000)})), ('order', 'packed', 1, 'E', to_jsonb(repeat('x', 50000000))),
    ('order', 'long', 1, 'E', (SELECT jsonb_agg(1e131000) FROM generate_series(1, 30)))`))
  await stage.post('small')
  const { service } = await stage.relay('relay')
  await stage.published({ deadlineMs: 120_000 })
  t.same(await stage.verdict(), EXACTLY_ONCE)
  const { rows } = await stage.pool.query('SELECT aggregate_id, reason FROM outbox_dead_letters AS d ORDER BY d.id')
  t.match(rows, ['huge', 'packed', 'long'].map((aggregate) => ({ aggregate_id: aggregate, reason: /at most 1000000 bytes \(RELAY_MAX_RECORD_BYTES\), found/ })))
  t.equal((await stage.metrics(service)).sum('relay_dead_lettered_total'), 3)
})

t.test('a table that would turn the order of events round is named, and nothing is published from it', async (t) => {
  const stage = await Stage.set(t)
  await stage.pool.query('ALTER TABLE outbox_events ALTER COLUMN id SET CACHE 10')
  await stage.post('a')
  const { service } = await stage.relay('relay')
  await until(() => service.logs.some((log) => /CACHE 1, found 10/.test(JSON.stringify(log))), { what: 'the relay to say so' })
  t.equal(await stage.waiting(), 1)
  await stage.pool.query('ALTER TABLE outbox_events ALTER COLUMN id SET CACHE 1')
  await stage.published()
})
