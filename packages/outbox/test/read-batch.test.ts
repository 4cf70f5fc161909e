import { enqueue, READ_SESSION_OPTIONS, readBatch, type ReadOptions } from '@orders/outbox'
import pg from 'pg'
import t, { type Test } from 'tap'
import { event, outboxDatabase, readAll } from './outbox-database.ts'
import { blocksOf } from './read-cost.ts'

t.test('events come in the order of their ids, also where the ids gain a digit', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, Array.from({ length: 120 }, (_, index) => event('a', index + 1)))
  const ids = (await readBatch(pool, readAll())).map(({ id }) => Number(id))
  t.same(ids, Array.from({ length: 120 }, (_, index) => index + 1))
})

t.test('an event whose transaction commits late is not lost', async (t) => {
  const { pool } = await outboxDatabase(t)
  const late = await pool.connect()
  await late.query('BEGIN')
  const [lateId] = await enqueue(late, event('late', 1))
  const [earlyId] = await enqueue(pool, event('early', 1))
  t.same((await readBatch(pool, readAll())).map(({ eventId }) => eventId), [earlyId])
  await late.query('COMMIT')
  late.release()
  t.same((await readBatch(pool, readAll())).map(({ eventId }) => eventId), [lateId, earlyId])
})

t.test('a writer that took its transaction id early and then waited for the lock comes second', async (t) => {
  const { pool } = await outboxDatabase(t)
  await pool.query('CREATE TABLE aggregate (id text PRIMARY KEY, version int NOT NULL); INSERT INTO aggregate VALUES (\'a\', 0)')
  const [first, second] = [await pool.connect(), await pool.connect()]
  const change = async (client: typeof first) => {
    const { rows } = await client.query<{ version: number }>("UPDATE aggregate SET version = version + 1 WHERE id = 'a' RETURNING version")
    await enqueue(client, event('a', rows[0]?.version ?? 0))
    await client.query('COMMIT')
  }
  await second.query('BEGIN')
  await second.query('SELECT pg_current_xact_id()')
  await first.query('BEGIN')
  await first.query("SELECT FROM aggregate WHERE id = 'a' FOR UPDATE")
  const waiting = change(second)
  await change(first)
  await waiting
  first.release()
  second.release()
  t.same((await readBatch(pool, readAll())).map(({ aggregateVersion }) => aggregateVersion), ['1', '2'])
})

t.test('names may contain anything that Postgres can store', async (t) => {
  const { pool } = await outboxDatabase(t)
  const names = ['tab\there', 'line\nfeed', 'back\\slash', '"quoted"', '\u0001\u001f\u007f', 'ä€😀', '\\t', '{"json": 1}', ' ']
  for (const name of names) await enqueue(pool, event(name, 1, { aggregateType: name, eventType: name, payload: { name }, headers: { [name]: name } }))
  const events = await readBatch(pool, readAll())
  t.same(events.map(({ aggregateType, aggregateId, eventType }) => [aggregateType, aggregateId, eventType]), names.map((name) => [name, name, name]))
  t.same(events.map(({ payload, headers }) => [JSON.parse(payload), JSON.parse(headers)]), names.map((name) => [{ name }, { [name]: name }]))
})

t.test('a batch ends at its size, but never before its first event', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [1, 2, 3].map((version) => event('a', version, { payload: 'x'.repeat(998) })))
  t.equal((await readBatch(pool, readAll({ maxEvents: 2 }))).length, 2)
  t.equal((await readBatch(pool, readAll({ maxBytes: 2_004 }))).length, 2)
  t.equal((await readBatch(pool, readAll({ maxBytes: 10 }))).length, 1)
})

t.test('the batch in flight is not read again', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('b', 1), event('a', 2)])
  t.same((await readBatch(pool, readAll({ inFlight: ['1', '2'] }))).map(({ id }) => id), ['3'])
})

t.test('every event belongs to one shard, and an aggregate to the same one always', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, Array.from({ length: 90 }, (_, index) => event(`a${index % 30}`, Math.floor(index / 30) + 1)))
  const shards = await Promise.all([0, 1, 2].map((shard) => readBatch(pool, readAll({ shard, shards: 3 }))))
  t.equal(shards.flat().length, 90)
  for (const events of shards) {
    t.ok(events.length > 0, 'every shard has some')
    for (const { aggregateId } of events) {
      t.equal(events.filter((event) => event.aggregateId === aggregateId).length, 3, `${aggregateId} is whole`)
    }
  }
})

t.test('aggregate types can be left out of a read, in one shard or in several', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, ['order', 'invoice', "o'dd, {type}", 'order'].map((aggregateType, index) => event(`a${index}`, 1, { aggregateType })))
  const read = async (options: Partial<ReadOptions>) => (await readBatch(pool, readAll(options))).map(({ id }) => Number(id))
  t.same(await read({ types: { except: ['invoice'] } }), [1, 3, 4])
  t.same(await read({ types: { except: ['invoice', "o'dd, {type}"] } }), [1, 4])
  t.same(await read({ types: { except: [] } }), [1, 2, 3, 4])
  t.same(await read({ types: { only: ["o'dd, {type}"] } }), [3])
  t.same(await read({ types: { only: [] } }), [])
  const shards = await Promise.all([0, 1].map((shard) => read({ shard, shards: 2, types: { except: ['invoice'] } })))
  t.same(shards.flat().sort(), [1, 3, 4])
  t.same((await Promise.all([0, 1].map((shard) => read({ shard, shards: 2, types: { only: ['order'] } })))).flat().sort(), [1, 4])
})

t.test('the cost of a read depends on the bytes of its batch, not on the number of large events that wait', async (t) => {
  const { client } = await session(t)
  const large = (from: number, to: number) => client.query(`INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    SELECT 'order', 'a' || g, 1, 'E', jsonb_build_object('text', noise.text)
    FROM generate_series(${from}, ${to}) AS g, (SELECT string_agg(md5(n::text), '') AS text FROM generate_series(1, 9000) AS n) AS noise`)
  const read = async () => { t.equal((await readBatch(client, readAll())).length, 3) }
  await large(1, 5)
  const few = await blocksOf(client, read)
  await large(6, 105)
  const many = await blocksOf(client, read)
  t.ok(many < few * 1.5, `${many} blocks, ${few} when only five wait`)
})

t.test('a batch of well compressed payloads ends at its size too', async (t) => {
  const { client } = await session(t)
  await client.query(`INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
    SELECT 'order', 'a' || g, 1, 'E', jsonb_build_object('text', repeat('x', 400000)) FROM generate_series(1, 50) AS g`)
  const events = await readBatch(client, readAll())
  t.equal(events.length, 2)
  t.same(events.map(({ payload }) => payload.length), [400_012, 400_012])
})

for (const [what, payload] of [
  ['that does not compress', "(SELECT to_jsonb(string_agg(md5(n::text), '')) FROM generate_series(1, 100000) AS n)"],
  ['that compresses well', "to_jsonb(repeat('x', 20000000))"],
  ['of numbers that are short in the table and long as text', '(SELECT jsonb_agg(1e100000) FROM generate_series(1, 30))'],
  ['just above the limit', "to_jsonb(repeat('x', 1048577))"]
] as const) {
  t.test(`a payload ${what} is withheld when it is too large, and holds nothing else up`, async (t) => {
    const { client } = await session(t)
    await client.query(`INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
      VALUES ('order', 'large', 1, 'E', ${payload}), ('order', 'small', 1, 'E', '{}')`)
    const [large, small] = await readBatch(client, readAll({ maxEventBytes: 1_048_576, maxBytes: 10_000_000 }))
    t.match(large, { aggregateId: 'large', payload: 'null', headers: '{}' })
    t.ok((large?.withheldBytes ?? 0) > 0)
    const { withheldBytes } = (await readBatch(client, readAll({ after: BigInt(large?.id ?? 0), maxEventBytes: 1_048_576 })))[0] ?? {}
    t.equal(withheldBytes, undefined)
    if (small !== undefined) t.match(small, { aggregateId: 'small', payload: '{}' })
  })
}

/** As the relay has it. */
async function session (t: Test): Promise<{ client: pg.Client }> {
  const { url } = await outboxDatabase(t)
  const client = new pg.Client({ connectionString: url, options: READ_SESSION_OPTIONS })
  await client.connect()
  t.teardown(() => client.end())
  return { client }
}
