import { until } from '@orders/testing/framework'
import { backlog, BacklogMeter, discardDeadLetter, enqueue, READ_SESSION_OPTIONS, ScanBound, type Backlog } from '@orders/outbox'
import pg from 'pg'
import t from 'tap'
import { event, outboxDatabase } from './outbox-database.ts'
import { blocksOf } from './read-cost.ts'

const HOUR_MS = 3_600_000
/** A number that can gather in a weekend without an operator. */
const MANY = 300_000

async function age (pool: pg.Pool, id: number, interval: string): Promise<void> {
  await pool.query('UPDATE outbox_events SET created_at = clock_timestamp() - $2::interval WHERE id = $1', [id, interval])
}

async function putAside (pool: pg.Pool, id: number, failedAgo = '2 hours'): Promise<void> {
  await pool.query(`WITH refused AS (DELETE FROM outbox_events WHERE id = $1 RETURNING *)
    INSERT INTO outbox_dead_letters (id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers, created_at, reason, blocking, failed_at)
    SELECT id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers, created_at, 'too large', true, clock_timestamp() - $2::interval
    FROM refused`, [id, failedAgo])
}

t.test('an empty outbox', async (t) => {
  const { pool } = await outboxDatabase(t)
  t.same(await backlog(pool), {
    events: 0, oldestAgeMs: 0, blockedEvents: 0, blockedAgeMs: 0, withheldEvents: 0, withheldAgeMs: 0, deadLetters: 0
  } satisfies Backlog)
})

t.test('events behind a dead letter are counted apart from events that are stuck', async (t) => {
  const { pool } = await outboxDatabase(t)
  const meter = new BacklogMeter()
  await enqueue(pool, [event('a', 1), event('a', 2), event('a', 3)])
  await putAside(pool, 1)
  await age(pool, 2, '1 hour')
  const blocked = await meter.measure(pool)
  t.match(blocked, { events: 2, oldestAgeMs: 0, blockedEvents: 2, deadLetters: 1 })
  t.ok(blocked.blockedAgeMs >= 2 * HOUR_MS && blocked.blockedAgeMs < 3 * HOUR_MS)

  await enqueue(pool, event('b', 1))
  await age(pool, 4, '10 minutes')
  const stuck = await meter.measure(pool)
  t.ok(stuck.oldestAgeMs >= HOUR_MS / 6 && stuck.oldestAgeMs < HOUR_MS / 2, `${stuck.oldestAgeMs} ms`)

  await discardDeadLetter(pool, 1n)
  const freed = await meter.measure(pool)
  t.match(freed, { blockedEvents: 0, blockedAgeMs: 0, deadLetters: 0 })
  t.ok(freed.oldestAgeMs >= HOUR_MS, 'the freed events count at once')
})

t.test('events that wait for their topic are counted apart too', async (t) => {
  const { pool } = await outboxDatabase(t)
  const meter = new BacklogMeter()
  await enqueue(pool, [event('i', 1, { aggregateType: 'invoice' }), event('a', 1)])
  await age(pool, 1, '1 hour')
  t.ok((await meter.measure(pool)).oldestAgeMs >= HOUR_MS)
  for (const types of [{ except: ['invoice'] }, { only: ['order'] }]) {
    const withheld = await meter.measure(pool, types)
    t.match(withheld, { events: 2, withheldEvents: 1 })
    t.ok(withheld.oldestAgeMs < HOUR_MS / 6)
    t.ok(withheld.withheldAgeMs >= HOUR_MS)
  }
  t.match(await meter.measure(pool, { only: [] }), { withheldEvents: 2, oldestAgeMs: 0 })
})

t.test('an infinite time has no age', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('b', 1)])
  await pool.query("UPDATE outbox_events SET created_at = '-infinity' WHERE id = 1")
  await pool.query("UPDATE outbox_events SET created_at = 'infinity' WHERE id = 2")
  t.match(await backlog(pool), { events: 2, oldestAgeMs: 0 })
  t.match(await backlog(pool, { only: [] }), { withheldEvents: 2, withheldAgeMs: 0 })
})

t.test(`${MANY} events behind one dead letter: no report reads them all, and the one behind them is found`, async (t) => {
  const { pool: owner, url } = await outboxDatabase(t)
  const pool = new pg.Pool({ connectionString: url, max: 1, options: READ_SESSION_OPTIONS })
  t.teardown(() => pool.end())
  await owner.query(`INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    SELECT 'order', 'a', i, 'OrderChanged', '{}' FROM generate_series(1, ${MANY}) AS i`)
  await putAside(owner, 1)
  await enqueue(owner, event('b', 1))
  await age(owner, MANY + 1, '1 hour')
  const meter = new BacklogMeter()
  let reports = 0
  for (let found = 0; found < HOUR_MS && reports < 100; reports++) {
    found = (await meter.measure(pool)).oldestAgeMs
  }
  t.ok(reports <= MANY / 10_000 + 1, `found after ${reports} reports`)
  await until(async () => (await meter.measure(pool)).events === 100_001, { what: 'a complete count' })
  const times: number[] = []
  for (let again = 0; again < 3; again++) {
    const startedAt = performance.now()
    t.match(await meter.measure(pool), { events: 100_001, blockedEvents: 10_001 })
    times.push(performance.now() - startedAt)
  }
  t.comment(`a report: ${times.map((ms) => Math.round(ms)).join(', ')} ms`)
})

for (const [beside, holdsTheBoundUp] of [['an old transaction that reads', false], ['a writer that never ends', true]] as const) {
  t.test(`published events that vacuum cannot remove, beside ${beside}, do not slow the reports down`, async (t) => {
    const { pool, url } = await outboxDatabase(t)
    const client = new pg.Client({ connectionString: url, options: READ_SESSION_OPTIONS })
    await client.connect()
    t.teardown(() => client.end())
    const old = await pool.connect()
    t.teardown(() => { old.release(true) })
    await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    if (holdsTheBoundUp) await enqueue(old, event('never', 1))
    else await old.query('SELECT FROM outbox_events')

    await pool.query(`INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
      SELECT 'order', 'a' || i, 1, 'E', '{}' FROM generate_series(1, ${MANY}) AS i`)
    await pool.query('DELETE FROM outbox_events')
    await enqueue(pool, [event('waiting', 1), event('waiting', 2)])
    await pool.query("UPDATE outbox_events SET created_at = clock_timestamp() - interval '1 hour' WHERE aggregate_version = 1")
    const scan = await ScanBound.begin(client, { shard: 0, shards: 1 })
    const whole = await blocksOf(client, () => client.query({ name: 'outbox_count_all', text: 'SELECT FROM outbox_events ORDER BY id LIMIT 1' }))
    await until(async () => {
      await scan.read({ inFlight: [], maxEvents: 10, maxBytes: 1_000_000 })
      await scan.advance()
      return holdsTheBoundUp ? !scan.isBehind() : scan.value >= BigInt(MANY)
    }, { what: 'the relay to have scanned them' })
    t.equal(scan.value > 0n, !holdsTheBoundUp)

    const meter = new BacklogMeter()
    await until(async () => {
      const { events, oldestAgeMs } = await meter.measure(client)
      return events === 2 && oldestAgeMs >= HOUR_MS
    }, { what: 'the two events that wait' })
    if (!holdsTheBoundUp) {
      const report = await blocksOf(client, () => meter.measure(client))
      t.ok(report < whole / 10, `${report} blocks, from the beginning ${whole}`)
    }
    await pool.query('DELETE FROM outbox_events')
    await until(async () => {
      const { events, oldestAgeMs } = await meter.measure(client)
      return events === 0 && oldestAgeMs === 0
    }, { what: 'none left' })
  })
}
