import { dropDatabase, testPostgres, until, withClient } from '@orders/testing/framework'
import { Postgres } from '@orders/testing/servers'
import {
  complete, deadLetter, discardDeadLetter, enqueue, READ_SESSION_OPTIONS, readBatch, replayDeadLetter, ScanBound, takeOverShard, type Fence,
  type ScanReadOptions, type SqlClient, type Statement, type TypeFilter
} from '@orders/outbox'
import pg from 'pg'
import t, { type Test } from 'tap'
import { event, eventOf, namesOf, outboxDatabase, readAll } from './outbox-database.ts'
import { blocksOf } from './read-cost.ts'

/** More ids than a read begins behind the newest one, and more than the bound moves before it is stored. */
const MANY = 45_000
/** A generous limit for the blocks that a read of an empty outbox touches. */
const FEW_BLOCKS = 60

interface Scene {
  pool: pg.Pool
  /** A session as the relay has it. */
  client: pg.Client
  fence: Fence
}

async function scene (t: Test, server?: { url: string }): Promise<Scene> {
  const { pool, url } = await outboxDatabase(t, server)
  const client = new pg.Client({ connectionString: url, options: READ_SESSION_OPTIONS })
  await client.connect()
  t.teardown(() => client.end())
  const { fence } = await takeOverShard(pool, 0, 'relay')
  return { pool, client, fence }
}

/** An open transaction: vacuum removes nothing. */
async function oldSnapshot (t: Test, pool: pg.Pool): Promise<void> {
  const old = await pool.connect()
  t.teardown(() => { old.release(true) })
  await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await old.query('SELECT FROM outbox_events')
}

async function fill (pool: pg.Pool, count: number, { type = 'order', aggregate = "'a' || g" } = {}): Promise<void> {
  await pool.query(`INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    SELECT '${type}', ${aggregate}, g, 'E', '{}' FROM generate_series(1, $1::int) AS g`, [count])
}

const everything = (fields: Partial<ScanReadOptions> = {}): ScanReadOptions => ({ inFlight: [], maxEvents: 1_000, maxBytes: 1_048_576, ...fields })
const ids = async (scan: ScanBound, options?: Partial<ScanReadOptions>) => (await scan.read(everything(options))).map(({ id }) => Number(id))
const begin = (client: SqlClient, shard = 0, shards = 1) => ScanBound.begin(client, { shard, shards })

/** Advances until there are no ids left to scan. */
async function settle (scan: ScanBound, types?: TypeFilter): Promise<void> {
  for (let quiet = 0; quiet < 3;) {
    const before = scan.boundFor(types)
    await scan.read(everything({ types }))
    await scan.advance()
    quiet = scan.boundFor(types) === before && !scan.isBehind(types) ? quiet + 1 : 0
  }
}

t.test('the bound does not pass the id of a transaction that is still open', async (t) => {
  const { pool, fence } = await scene(t)
  await enqueue(pool, [event('x', 1), event('y', 1)])
  const late = await pool.connect()
  await late.query('BEGIN')
  await enqueue(late, event('a', 1))
  await enqueue(pool, event('z', 1))
  await complete(pool, fence, await namesOf(pool, 1, 2, 4))

  const scan = await begin(pool)
  for (let step = 0; step < 4; step++) await scan.advance()
  t.equal(scan.value, 0n, 'a writer is still open')

  await late.query('COMMIT')
  late.release()
  await enqueue(pool, event('a', 2))
  for (let step = 0; step < 4; step++) await scan.advance()
  t.equal(scan.value, 2n, 'it stops below the late event')
  t.same(await ids(scan), [3, 5])
})

t.test('a writer that began after the newest id was noted does not hold it up', async (t) => {
  const { pool, client, fence } = await scene(t)
  await enqueue(pool, event('x', 1))
  await complete(pool, fence, await namesOf(pool, 1))
  const earlier = await pool.connect()
  await earlier.query('BEGIN')
  await earlier.query('LOCK TABLE outbox_events IN ROW EXCLUSIVE MODE')
  const scan = await begin(client)
  await scan.advance()
  const later = await pool.connect()
  await later.query('BEGIN')
  await enqueue(later, event('y', 1))
  await earlier.query('ROLLBACK')
  earlier.release()
  await scan.advance()
  t.equal(scan.value, 1n)
  await later.query('ROLLBACK')
  later.release()
})

t.test('the bound does not pass the id of a transaction that is prepared and not committed yet (two-phase commit)', async (t) => {
  const server = await Postgres.start({ settings: { max_prepared_transactions: '10' } })
  t.teardown(() => server.close())
  const { pool, client } = await scene(t, server)
  const prepared = await pool.connect()
  await prepared.query('BEGIN')
  await enqueue(prepared, event('a', 1))
  const scan = await begin(client)
  await scan.advance()
  await prepared.query("PREPARE TRANSACTION 'late'")
  prepared.release()
  for (let step = 0; step < 4; step++) await scan.advance()
  t.equal(scan.value, 0n, 'the writer has another name now, and is open')

  await pool.query("COMMIT PREPARED 'late'")
  await enqueue(pool, event('a', 2))
  t.same(await ids(scan), [1, 2])
  await pool.query('DELETE FROM outbox_events')
  await settle(scan)
  t.equal(scan.value, 2n)
})

t.test('events in flight are not passed', async (t) => {
  const { pool, client } = await scene(t)
  await enqueue(pool, [event('x', 1), event('y', 1)])
  const scan = await begin(client)
  t.same(await ids(scan), [1, 2])
  for (let step = 0; step < 3; step++) await scan.advance()
  t.same(await ids(scan, { inFlight: ['1'] }), [2])
  t.equal(scan.value, 0n)
})

t.test('a new leader is not held up by dead rows, and the next one begins where it left off', async (t) => {
  const { pool, client } = await scene(t)
  await oldSnapshot(t, pool)
  await fill(pool, MANY)
  await pool.query('DELETE FROM outbox_events')
  await enqueue(pool, event('live', 1))
  const whole = await blocksOf(client, () => readBatch(client, readAll()))

  const scan = await begin(client)
  const first = await blocksOf(client, async () => { t.equal((await ids(scan)).length, 1, 'found by the first read') })
  // The number of ranges depends on time. No range is scanned twice.
  t.ok(first < whole * 1.5, `the first read: ${first} blocks, from the beginning ${whole}`)
  await settle(scan)
  t.equal(scan.value, BigInt(MANY))
  const steady = await blocksOf(client, () => scan.read(everything()))
  t.ok(steady < FEW_BLOCKS, `${steady} blocks`)

  const next = await begin(client)
  t.ok(next.value > BigInt(MANY) - 20_000n, 'the bound is kept in the database')
  t.notOk(next.isBehind())
})

t.test('events behind a dead letter are not looked at again, until it is discarded', async (t) => {
  const { pool, client, fence } = await scene(t)
  await fill(pool, MANY, { aggregate: "'blocked'" })
  await enqueue(pool, event('fine', 1))
  await deadLetter(pool, fence, await eventOf(pool, 1), 'too large', true)
  const scan = await begin(client)
  await settle(scan)
  t.equal(scan.value, BigInt(MANY))
  t.same(await ids(scan), [MANY + 1])
  const steady = await blocksOf(client, () => scan.read(everything()))
  t.ok(steady < FEW_BLOCKS, `${steady} blocks`)

  await discardDeadLetter(pool, 1n)
  t.equal((await ids(scan))[0], 2, 'the very next read begins with the first of them')
})

t.test('a replayed event comes first, and the ones behind it as soon as it is published', async (t) => {
  const { pool, client, fence } = await scene(t)
  await fill(pool, MANY, { aggregate: "'blocked'" })
  await deadLetter(pool, fence, await eventOf(pool, 1), 'too large', true)
  const scan = await begin(client)
  await settle(scan)
  t.same(await ids(scan), [])
  await replayDeadLetter(pool, 1n)
  t.same(await ids(scan), [1])
  await scan.advance()
  t.same(await ids(scan, { inFlight: ['1'] }), [], 'not before it is published')
  await complete(pool, fence, await namesOf(pool, 1))
  t.same((await ids(scan)).slice(0, 2), [2, 3])
})

for (const [how, sql] of [
  ['no longer blocks', 'UPDATE outbox_dead_letters SET blocking = false'],
  ['is deleted by hand', 'DELETE FROM outbox_dead_letters'],
  ['is truncated by hand', 'TRUNCATE outbox_dead_letters']
] as const) {
  t.test(`a dead letter that ${how} lets the later events through at once`, async (t) => {
    const { pool, client, fence } = await scene(t)
    await fill(pool, 3, { aggregate: "'blocked'" })
    await deadLetter(pool, fence, await eventOf(pool, 1), 'too large', true)
    const scan = await begin(client)
    await settle(scan)
    t.equal(scan.value, 3n)
    await pool.query(sql)
    t.same(await ids(scan), [2, 3])
  })
}

t.test("other shards' events are not looked at again, until the number of shards changes", async (t) => {
  const { pool, client } = await scene(t)
  await fill(pool, MANY, { aggregate: "'busy'" })
  const { rows: [row] } = await pool.query<{ shard: number }>(
    "SELECT ((hashtextextended('busy', hashtext('order')) & 9223372036854775807) % 3)::int AS shard")
  const busy = row?.shard ?? 0
  const other = await begin(client, (busy + 1) % 3, 3)
  await settle(other)
  t.equal(other.value, BigInt(MANY))
  const steady = await blocksOf(client, () => other.read(everything()))
  t.ok(steady < FEW_BLOCKS, `${steady} blocks`)

  t.equal((await (await begin(client, busy, 3)).read(everything())).length, 1_000, 'its own leader finds them')
  t.equal((await (await begin(client)).read(everything())).length, 1_000, 'with one shard they are all of it')
})

t.test('types that are left out are not read again, and come with the first read that asks for them', async (t) => {
  const { pool, client } = await scene(t)
  await fill(pool, MANY, { type: 'invoice' })
  await enqueue(pool, event('fine', 1))
  const types = { except: ['invoice'] }
  const scan = await begin(client)
  t.same(await ids(scan, { types }), [MANY + 1])
  await settle(scan, types)
  const steady = await blocksOf(client, () => scan.read(everything({ types })))
  t.ok(steady < FEW_BLOCKS, `${steady} blocks`)
  t.same((await ids(scan, { types: { only: ['invoice'] }, maxEvents: 2 })), [1, 2], 'a probe')
  t.same((await ids(scan)).slice(0, 2), [1, 2])
})

for (const [what, sql] of [
  ['an event that is inserted under an old id', `INSERT INTO outbox_events (id, aggregate_type, aggregate_id, aggregate_version, event_type, payload)
      OVERRIDING SYSTEM VALUE VALUES (2, 'order', 'back', 1, 'E', '{}')`],
  ['one below all others', `INSERT INTO outbox_events (id, aggregate_type, aggregate_id, aggregate_version, event_type, payload)
      OVERRIDING SYSTEM VALUE VALUES (-5, 'order', 'back', 1, 'E', '{}')`],
  ['the first after TRUNCATE RESTART IDENTITY', `TRUNCATE outbox_events RESTART IDENTITY;
      INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload) VALUES ('order', 'back', 1, 'E', '{}')`],
  ['more than there ever were, after the sequence was set back', `DELETE FROM outbox_events; SELECT setval(pg_get_serial_sequence('outbox_events', 'id'), 2);
      INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
      SELECT 'order', 'back-' || g, 1, 'E', '{}' FROM generate_series(1, 500) AS g`],
  ['one whose aggregate is corrected by hand', "UPDATE outbox_events SET aggregate_id = 'back' WHERE aggregate_id = 'blocked' AND aggregate_version = 9"]
] as const) {
  t.test(`found by the very next read: ${what}`, async (t) => {
    const { pool, client, fence } = await scene(t)
    await fill(pool, 100)
    await complete(pool, fence, await namesOf(pool, ...Array.from({ length: 100 }, (_, index) => index + 1)))
    await fill(pool, 10, { aggregate: "'blocked'" })
    await deadLetter(pool, fence, await eventOf(pool, 101), 'too large', true)
    const scan = await begin(client)
    await settle(scan)
    t.equal(scan.value, 110n)
    await pool.query(sql)
    const found = await scan.read(everything())
    t.match(found[0]?.aggregateId, /^back/)
    const inFlight = found.map(({ id }) => id)
    if (sql.includes('500')) {
      inFlight.push(...(await ids(scan, { inFlight })).map(String))
      t.equal(inFlight.length, 500)
    }
    await complete(pool, fence, await namesOf(pool, ...inFlight.map(Number)))
    await settle(scan)
    // The limit was set back with the identity: ordinary inserts cost nothing again.
    const { rows: [before] } = await pool.query('SELECT stamp FROM outbox_scan WHERE shard = 0')
    await enqueue(pool, event('next', 1))
    t.same((await pool.query('SELECT stamp FROM outbox_scan WHERE shard = 0')).rows[0], before)
  })
}

t.test('an event of an open transaction that goes below the bound is found when it commits', async (t) => {
  const { pool, client, fence } = await scene(t)
  await fill(pool, 100)
  await complete(pool, fence, await namesOf(pool, ...Array.from({ length: 100 }, (_, index) => index + 1)))
  const repair = await pool.connect()
  const scan = await begin(client)
  await repair.query('BEGIN')
  await repair.query(`INSERT INTO outbox_events (id, aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    OVERRIDING SYSTEM VALUE VALUES (50, 'order', 'back', 1, 'E', '{}')`)
  await settle(scan)
  t.same(await ids(scan), [])
  await repair.query('COMMIT')
  repair.release()
  t.same(await ids(scan), [50])
})

t.test('a read from the head never overtakes an event of the same aggregate', async (t) => {
  const { pool, client, fence } = await scene(t)
  await enqueue(pool, [event('a', 1), event('b', 1)])
  await deadLetter(pool, fence, await eventOf(pool, 1), 'too large', true)
  await enqueue(pool, event('a', 2))
  await complete(pool, fence, await namesOf(pool, 2))
  await fill(pool, MANY)
  await pool.query("DELETE FROM outbox_events WHERE aggregate_id <> 'a'")
  await enqueue(pool, [event('a', 3), event('c', 1)])
  const scan = await begin(client)
  await settle(scan)
  const last = MANY + 5
  t.same(await ids(scan), [last])
  // The ids below are scanned once more, those above the head are not.
  await discardDeadLetter(pool, 1n)
  const published: number[] = []
  for (let reads = 0; reads < 100 && published.length < 3; reads++) {
    const found = await ids(scan)
    published.push(...found)
    await complete(pool, fence, await namesOf(pool, ...found))
    await scan.advance()
  }
  t.same(published.filter((id) => id !== last), [3, last - 1])
})

t.test('an event that commits late is found while a writer that never ends holds the bound up', async (t) => {
  const { pool, client } = await scene(t)
  const never = await pool.connect()
  t.teardown(() => { never.release(true) })
  await never.query('BEGIN')
  await enqueue(never, event('never', 1))
  const late = await pool.connect()
  await late.query('BEGIN')
  await enqueue(late, event('late', 1))
  await fill(pool, MANY)
  await pool.query('DELETE FROM outbox_events')
  const scan = await begin(client)
  await settle(scan)
  t.equal(scan.value, 0n)
  t.notOk(scan.isBehind())
  await enqueue(pool, event('new', 1))
  t.same(await ids(scan), [MANY + 3], 'from the head')
  await late.query('COMMIT')
  late.release()
  const [found] = await until(async () => {
    const ids = await scan.read(everything({ inFlight: [String(MANY + 3)] }))
    return ids.length > 0 ? ids : undefined
  }, { what: 'the late event' })
  t.equal(found?.aggregateId, 'late')
})

/** Whether a read searched for earlier events of its aggregates, which steps over all of their dead rows. */
async function searches (client: pg.Client, scan: ScanBound): Promise<boolean> {
  const names: string[] = []
  const query = client.query.bind(client) as (statement: Statement) => Promise<pg.QueryResult>
  const patched = client as unknown as { query: unknown }
  patched.query = async (statement: Statement) => {
    names.push(statement.name ?? '')
    return query(statement)
  }
  try {
    await scan.read(everything())
  } finally {
    patched.query = query
  }
  return names.some((name) => name.endsWith('_guarded'))
}

/** Reads and advances until a read needs no search for earlier events. */
async function clear (client: pg.Client, scan: ScanBound): Promise<void> {
  await until(async () => {
    await scan.advance()
    return !await searches(client, scan)
  }, { what: 'a pass that found nothing behind the head, with the same writers open', deadlineMs: 60_000 })
}

for (const [of, aggregate] of [['many aggregates', "'a' || g"], ['one aggregate', "'hot'"]] as const) {
  t.test(`what is published while a writer never ends is not looked at by every read: of ${of}`, async (t) => {
    const { pool, client } = await scene(t)
    const never = await pool.connect()
    t.teardown(() => { never.release(true) })
    await never.query('BEGIN')
    await enqueue(never, event('never', 1))
    const scan = await begin(client)
    await settle(scan)
    for (let times = 0; times < 4; times++) {
      await fill(pool, MANY, { aggregate })
      await pool.query('DELETE FROM outbox_events')
      await settle(scan)
    }
    await clear(client, scan)
    await fill(pool, 10, { aggregate })
    t.equal(scan.value, 0n)
    const whole = await blocksOf(client, () => readBatch(client, readAll()))
    const steady = await blocksOf(client, async () => { t.equal((await ids(scan)).length, 10, 'from the head') })
    t.ok(steady < whole / 3, `${steady} blocks, from the beginning ${whole}`)
  })
}

for (const how of ['commits', 'is prepared and then commits']) {
  t.test(`no read overtakes the event of a writer that ${how} after a complete pass`, async (t) => {
    const server = await Postgres.start({ settings: { max_prepared_transactions: '10' } })
    t.teardown(() => server.close())
    const { pool, client } = await scene(t, server)
    const [never, late] = [await pool.connect(), await pool.connect()]
    t.teardown(() => { never.release(true) })
    for (const writer of [never, late]) await writer.query('BEGIN')
    await enqueue(never, event('never', 1))
    await enqueue(late, event('late', 1))
    const scan = await begin(client)
    for (let times = 0; times < 2; times++) {
      await fill(pool, MANY)
      await pool.query('DELETE FROM outbox_events')
      await settle(scan)
    }
    await clear(client, scan)
    if (how !== 'commits') {
      await late.query("PREPARE TRANSACTION 'late'")
      await clear(client, scan)
      await pool.query("COMMIT PREPARED 'late'")
    } else {
      await late.query('COMMIT')
    }
    late.release()
    await enqueue(pool, [event('late', 2), event('other', 1)])

    const found: string[] = []
    const inFlight: string[] = []
    await until(async () => {
      await scan.advance()
      for (const { id, aggregateId, aggregateVersion } of await scan.read(everything({ inFlight }))) {
        found.push(`${aggregateId} ${aggregateVersion}`)
        inFlight.push(id)
      }
      return found.length === 3
    }, { what: 'the three events' })
    t.same(found.filter((name) => name.startsWith('late')), ['late 1', 'late 2'])
  })
}

t.test('a former leader keeps no bound after its successor has begun', async (t) => {
  const { pool, client } = await scene(t)
  const former = await begin(pool)
  await fill(pool, 12_000)
  await pool.query('DELETE FROM outbox_events')
  await begin(client)
  await former.advance()
  t.same((await pool.query('SELECT bound FROM outbox_scan WHERE shard = 0')).rows, [{ bound: '0' }])
  await settle(former)
  t.equal(former.value, 12_000n, 'it has seen that another leader has the row')
})

t.test("another shard's row, with the same stamp, where the own row was before, is not taken for the own one", async (t) => {
  const { pool, client } = await scene(t)
  const placeOf = async (shard: number) => (await pool.query('SELECT ctid::text AS place, stamp::int FROM outbox_scan WHERE shard = $1', [shard])).rows[0] as { place: string, stamp: number }
  // The row of shard 0 is one stamp ahead, so after both have changed, that of shard 1 has the stamp that the leader of shard 0 knows.
  await begin(client, 1, 2)
  await begin(client, 0, 2)
  await fill(pool, 100, { aggregate: "'a'" })
  const [{ shard } = { shard: 0 }] = (await pool.query<{ shard: number }>("SELECT ((hashtextextended('a', hashtext('order')) & 9223372036854775807) % 2)::int AS shard")).rows
  const other = 1 - shard
  await pool.query('DELETE FROM outbox_events')
  const scan = await begin(client, shard, 2)
  while ((await placeOf(other)).stamp < (await placeOf(shard)).stamp - 1) await begin(client, other, 2)
  await settle(scan)
  t.equal(scan.value, 100n)
  const { place, stamp } = await placeOf(shard)
  t.equal((await placeOf(other)).stamp, stamp - 1)

  await pool.query(`INSERT INTO outbox_events (id, aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    OVERRIDING SYSTEM VALUE VALUES (50, 'order', 'a', 101, 'E', '{}')`)
  await until(async () => {
    await pool.query('UPDATE outbox_scan SET bound = bound WHERE shard = $1', [other])
    return (await placeOf(other)).place === place
  }, { what: "the other shard's row in the place" })
  t.equal((await placeOf(other)).stamp, stamp)
  t.same(await ids(scan), [50])
})

t.test('a database that was replaced by an older copy: ids that are given out again are read, although no connection was in use meanwhile', async (t) => {
  const { pool, url } = await outboxDatabase(t)
  const [name, copy] = [new URL(url).pathname.slice(1), `${new URL(url).pathname.slice(1)}_copy`]
  const server = await testPostgres(t)
  t.teardown(() => dropDatabase(server.url, `${name}_old`))
  t.teardown(() => dropDatabase(server.url, copy))
  /** Without connections to the database. The pool connects again afterwards, and nobody notices. */
  const alone = async (...statements: string[]) => {
    await withClient(server.url, async (admin) => {
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
      await until(async () => (await admin.query('SELECT FROM pg_stat_activity WHERE datname = $1', [name])).rowCount === 0, { what: 'no connections' })
      for (const statement of statements) await admin.query(statement)
    })
    await until(() => pool.query('SELECT').then(() => true), { what: 'a new connection' })
  }
  await fill(pool, 10)
  await pool.query('DELETE FROM outbox_events')
  const scan = await begin(pool)
  await settle(scan)
  await alone(`CREATE DATABASE ${copy} TEMPLATE ${name}`)
  await fill(pool, 10)
  await pool.query('DELETE FROM outbox_events')
  await settle(scan)
  t.equal(scan.value, 20n)

  await alone(`ALTER DATABASE ${name} RENAME TO ${name}_old`, `ALTER DATABASE ${copy} RENAME TO ${name}`)
  await fill(pool, 15, { aggregate: "'a'" })
  const found = await ids(scan)
  t.same(found, found.map((_, index) => 11 + index), 'in order, from the first one on')
  t.ok(found.length >= 10)
  await pool.query('DELETE FROM outbox_events')
  await settle(scan)
  t.equal(scan.value, 25n)
})

t.test('a leader begins while a transaction that has freed events stays open', async (t) => {
  const { pool, client, fence } = await scene(t)
  await enqueue(pool, [event('a', 1), event('a', 2), event('b', 1)])
  await deadLetter(pool, fence, await eventOf(pool, 1), 'too large', true)
  const open = await pool.connect()
  t.teardown(() => { open.release(true) })
  await open.query('BEGIN')
  await discardDeadLetter(open, 1n)
  await client.query("SET lock_timeout = '300ms'")

  const scan = await begin(client)
  t.same(await ids(scan), [3], 'the events of all other aggregates')
  await scan.advance()
  await open.query('COMMIT')
  t.equal((await ids(scan))[0], 2, 'and what it has freed as soon as it has ended')
})

t.test('a sweep finds events that no trigger has reported', async (t) => {
  const { pool, client, fence } = await scene(t)
  await fill(pool, 100)
  await complete(pool, fence, await namesOf(pool, ...Array.from({ length: 100 }, (_, index) => index + 1)))
  const scan = await begin(client)
  await settle(scan)
  await pool.query(`ALTER TABLE outbox_events DISABLE TRIGGER outbox_event_returns;
    INSERT INTO outbox_events (id, aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    OVERRIDING SYSTEM VALUE VALUES (50, 'order', 'back', 1, 'E', '{}')`)
  t.same(await ids(scan), [])
  scan.startSweep()
  for (let step = 0; step < 5; step++) await scan.advance()
  t.same(await ids(scan), [50])
})

t.test('a statement that takes too long is followed by a smaller one', async (t) => {
  const { pool, client } = await scene(t)
  await oldSnapshot(t, pool)
  await fill(pool, MANY)
  await pool.query('DELETE FROM outbox_events')
  await pool.query("INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload) VALUES ('order', 'live', 1, 'E', '{}')")
  // Statements that scan more than 2,000 ids time out.
  const given: number[] = []
  const impatient: SqlClient = {
    async query (statement) {
      const [from, second] = statement.values ?? []
      const upTo = statement.name?.startsWith('outbox_lowest') === true ? second : statement.values?.[4]
      const looksAt = Number(upTo) - Number(from)
      if (/^outbox_(lowest|read.*guarded|read_stamped$)/.test(statement.name ?? '') && looksAt > 2_000 && Number(from) < MANY - 20_000) {
        given.push(looksAt)
        throw Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' })
      }
      return client.query(statement)
    }
  }
  const scan = await ScanBound.begin(impatient, { shard: 0, shards: 1 })
  t.equal((await scan.read(everything())).length, 1)
  for (let step = 0; step < 100 && scan.value < BigInt(MANY); step++) await scan.advance()
  t.equal(scan.value, BigInt(MANY))
  t.ok(given.length > 0)
})
