import { randomUUID } from 'node:crypto'
import {
  assertHeld, claim, complete, dropClaim, enqueue, FencedError, READ_SESSION_OPTIONS, readBatch, readShard, takeOverShard, type SqlClient
} from '@orders/outbox'
import pg from 'pg'
import t from 'tap'
import { event, namesOf, outboxDatabase, readAll } from './outbox-database.ts'

const name = (batch: bigint) => ({ token: randomUUID(), batch })
const left = async (pool: pg.Pool) => (await readBatch(pool, readAll())).map(({ id }) => Number(id))

/** Sets the row back, as a restore does. */
async function asBefore (pool: pg.Pool, work: () => Promise<unknown>): Promise<void> {
  await pool.query('CREATE TABLE backup AS SELECT * FROM relay_shard')
  await work()
  await pool.query('DELETE FROM relay_shard; INSERT INTO relay_shard SELECT * FROM backup; DROP TABLE backup')
}

t.test('each takeover raises the epoch and fences the one before', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('a', 2)])
  const former = await takeOverShard(pool, 0, 'former')
  t.match(former, { fence: { shard: 0, epoch: 1n }, batch: 0n, token: '', tokenBefore: '', outstanding: undefined })
  await assertHeld(pool, former.fence)
  const { fence } = await takeOverShard(pool, 0, 'successor')
  t.equal(fence.epoch, 2n)

  const first = await namesOf(pool, 1)
  await t.rejects(assertHeld(pool, former.fence), FencedError)
  await t.rejects(claim(pool, former.fence, name(1n), first), FencedError)
  await t.rejects(complete(pool, former.fence, first), FencedError)
  await t.rejects(dropClaim(pool, former.fence, name(0n)), FencedError)
  t.same(await left(pool), [1, 2], 'nothing was deleted')

  await complete(pool, fence, first)
  t.same(await left(pool), [2])
})

t.test('shards are fenced apart', async (t) => {
  const { pool } = await outboxDatabase(t)
  const { fence } = await takeOverShard(pool, 0, 'a')
  await takeOverShard(pool, 1, 'b')
  await assertHeld(pool, fence)
})

t.test('a takeover finds the claimed batch that was not completed, and the tokens of both batches', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('a', 2), event('a', 3)])
  const { fence } = await takeOverShard(pool, 0, 'first')
  const [one, two] = [name(1n), name(2n)]
  const claimed = await namesOf(pool, 1, 2)
  await claim(pool, fence, one, claimed)
  const second = await takeOverShard(pool, 0, 'second')
  t.match(second, { batch: 1n, token: one.token, tokenBefore: '', outstanding: claimed })
  await complete(pool, second.fence, claimed)
  await claim(pool, second.fence, two, await namesOf(pool, 3))
  t.match(await takeOverShard(pool, 0, 'third'), { batch: 2n, token: two.token, tokenBefore: one.token })
})

t.test('a claim completes the batch before, or does nothing', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('a', 2), event('a', 3)])
  const [first, second, third] = await Promise.all([namesOf(pool, 1), namesOf(pool, 2), namesOf(pool, 3)])
  const { fence } = await takeOverShard(pool, 0, 'first')
  await claim(pool, fence, name(1n), first)
  await claim(pool, fence, name(2n), second, first)
  t.same(await left(pool), [2, 3])
  t.match(await takeOverShard(pool, 0, 'second'), { batch: 2n, outstanding: second })
  await t.rejects(claim(pool, fence, name(3n), third, second), FencedError)
  t.same(await left(pool), [2, 3], 'nothing was deleted')
})

t.test('a claim has to have the next number', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, event('a', 1))
  const { fence } = await takeOverShard(pool, 0, 'first')
  for (const wrong of [0n, 2n]) await t.rejects(claim(pool, fence, name(wrong), await namesOf(pool, 1)), FencedError)
  await claim(pool, fence, name(1n), await namesOf(pool, 1))
})

t.test('a dropped claim keeps its events, and the row has the token and the number that Kafka has', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, event('a', 1))
  const { fence } = await takeOverShard(pool, 0, 'first')
  await claim(pool, fence, name(1n), await namesOf(pool, 1))
  const position = name(41n)
  await dropClaim(pool, fence, position)
  t.same(await left(pool), [1])
  const next = await takeOverShard(pool, 0, 'second')
  t.match(next, { batch: 41n, token: position.token, outstanding: undefined })
  await claim(pool, next.fence, name(42n), await namesOf(pool, 1))
  t.match(await takeOverShard(pool, 0, 'third'), { tokenBefore: position.token })
})

t.test('a complete that waits for a takeover in progress is refused', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, event('a', 1))
  const { fence } = await takeOverShard(pool, 0, 'former')
  const successor = await pool.connect()
  await successor.query('BEGIN')
  await takeOverShard(successor, 0, 'successor')
  const completing = complete(pool, fence, await namesOf(pool, 1))
  await successor.query('COMMIT')
  successor.release()
  await t.rejects(completing, FencedError)
  t.same(await left(pool), [1])
})

t.test('a relay that takes over again takes over only from itself, a standby only from the holder that it has read', async (t) => {
  const { pool } = await outboxDatabase(t)
  const unheld = await readShard(pool, 0)
  t.same(unheld, { epoch: 0n, holder: undefined })
  const { fence } = await takeOverShard(pool, 0, 'former', { expected: unheld })
  const again = await takeOverShard(pool, 0, 'former', { expected: fence })
  t.equal(again.fence.epoch, 2n)
  const seen = await readShard(pool, 0)
  t.same(seen, { epoch: 2n, holder: 'former' })
  await takeOverShard(pool, 0, 'successor')
  await t.rejects(takeOverShard(pool, 0, 'former', { expected: again.fence }), FencedError)
  await t.rejects(takeOverShard(pool, 0, 'standby', { expected: seen }), FencedError)
  t.same(await readShard(pool, 0), { epoch: 3n, holder: 'successor' })

  await pool.query('DELETE FROM relay_shard')
  t.equal((await takeOverShard(pool, 0, 'successor', { expected: { epoch: 3n, holder: 'successor' } })).fence.epoch, 4n,
    'an epoch never comes again, also when the row was deleted')
})

t.test('of several that take over from the same state one succeeds', async (t) => {
  const { pool } = await outboxDatabase(t)
  const unheld = await readShard(pool, 0)
  const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((holder) => takeOverShard(pool, 0, holder, { expected: unheld })))
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  t.equal((await readShard(pool, 0)).epoch, 1n)
  t.equal((await pool.query('SELECT FROM relay_shard')).rowCount, 1)
})

t.test('a lost answer does not keep a relay from taking over from itself', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('a', 2)])
  const { fence } = await takeOverShard(pool, 0, 'relay')
  const answerLost: SqlClient = {
    async query (statement) {
      const answer = await pool.query(statement)
      if (statement.text.includes('outbox_shard_row')) return answer
      throw new Error('connection terminated')
    }
  }
  const claimed = await namesOf(pool, 1)
  await t.rejects(claim(answerLost, fence, name(1n), claimed), /terminated/)
  await t.rejects(takeOverShard(answerLost, 0, 'relay', { expected: fence }), /terminated/)
  const { fence: again, outstanding } = await takeOverShard(pool, 0, 'relay', { expected: fence })
  t.equal(again.epoch, 3n)
  t.same(outstanding, claimed)
})

for (const [what, work] of [
  ['a claim', (pool: pg.Pool, fence: Parameters<typeof claim>[1]) => namesOf(pool, 1).then((events) => claim(pool, fence, name(1n), events))],
  ['a complete', (pool: pg.Pool, fence: Parameters<typeof claim>[1]) => namesOf(pool, 1).then((events) => complete(pool, fence, events))]
] as const) {
  t.test(`a database that was restored to before ${what} refuses the relay that goes on, with the same epoch`, async (t) => {
    const { pool } = await outboxDatabase(t)
    await enqueue(pool, [event('a', 1), event('a', 2), event('a', 3)])
    const { fence } = await takeOverShard(pool, 0, 'relay')
    await asBefore(pool, () => work(pool, fence))
    const events = await namesOf(pool, 2)
    await t.rejects(assertHeld(pool, fence), FencedError)
    await t.rejects(claim(pool, fence, name(2n), events), FencedError)
    await t.rejects(claim(pool, fence, name(1n), events), FencedError)
    await t.rejects(complete(pool, fence, events), FencedError)
    await t.rejects(takeOverShard(pool, 0, 'relay', { expected: fence }), FencedError)
    t.ok((await left(pool)).includes(2))
    t.equal((await takeOverShard(pool, 0, 'relay')).fence.epoch, 2n)
  })
}

t.test('the epoch is given out again after a restore: the former leader is fenced, whatever it does', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('a', 2)])
  await takeOverShard(pool, 0, 'first')
  let lost
  await asBefore(pool, async () => { lost = await takeOverShard(pool, 0, 'former') })
  const { fence: { epoch } } = await takeOverShard(pool, 0, 'of the new time')
  const { fence } = lost as unknown as Awaited<ReturnType<typeof takeOverShard>>
  t.equal(fence.epoch, epoch, 'the same epoch')
  const events = await namesOf(pool, 1)
  await t.rejects(claim(pool, fence, name(1n), events), FencedError)
  await t.rejects(complete(pool, fence, events), FencedError)
  await t.rejects(takeOverShard(pool, 0, 'former', { expected: fence }), FencedError)
  await t.rejects(takeOverShard(pool, 0, 'a standby', { expected: { epoch, holder: 'former' } }), FencedError)
  t.same(await left(pool), [1, 2])
})

t.test('ids that were given out again belong to new events: neither the relay nor a takeover deletes them', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('a', 2)])
  const { fence } = await takeOverShard(pool, 0, 'relay')
  const published = await namesOf(pool, 1, 2)
  await claim(pool, fence, name(1n), published)
  await pool.query('TRUNCATE outbox_events RESTART IDENTITY')
  await enqueue(pool, [event('b', 1), event('b', 2), event('b', 3)])
  await claim(pool, fence, name(2n), await namesOf(pool, 3), published)
  t.same(await left(pool), [1, 2, 3])
  await complete(pool, fence, published)
  t.same(await left(pool), [1, 2, 3])
  const { outstanding } = await takeOverShard(pool, 0, 'successor')
  t.equal(outstanding, undefined)
})

t.test('a row that has moved is found by its key', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('a', 2), event('a', 3)])
  const { fence } = await takeOverShard(pool, 0, 'relay')
  await claim(pool, fence, name(1n), await namesOf(pool, 1))
  await pool.query('UPDATE relay_shard SET taken_at = clock_timestamp()')
  await claim(pool, fence, name(2n), await namesOf(pool, 2), await namesOf(pool, 1))
  await pool.query('VACUUM FULL relay_shard')
  await complete(pool, fence, await namesOf(pool, 2))
  t.same(await left(pool), [3])
})

t.test('while an old transaction is open, neither a claim nor a takeover reads the dead versions of the row', async (t) => {
  const { pool, url } = await outboxDatabase(t)
  const client = new pg.Client({ connectionString: url, options: `${READ_SESSION_OPTIONS} -c synchronous_commit=off` })
  await client.connect()
  t.teardown(() => client.end())
  const old = await pool.connect()
  t.teardown(() => { old.release(true) })
  await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await old.query('SELECT FROM outbox_events')
  // As many names as make a page full after a few claims. They need not exist.
  const events = { ids: Array.from({ length: 60 }, (_, index) => String(index)), eventIds: Array.from({ length: 60 }, () => randomUUID()) }
  let { fence } = await takeOverShard(client, 0, 'relay')
  let batch = 0n
  const claims = async (count: number) => {
    for (let made = 0; made < count; made++) await claim(client, fence, name(++batch), events)
  }
  const buffersRead = async (work: () => Promise<void>) => {
    const total = async () => {
      await client.query('SELECT pg_stat_force_next_flush()')
      const { rows: [row] } = await client.query<{ read: number }>(`
        SELECT (heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::int AS read
        FROM pg_statio_user_tables WHERE relname = 'relay_shard'`)
      return row?.read ?? 0
    }
    const before = await total()
    await work()
    return await total() - before
  }
  const takeover = async () => { ({ fence } = await takeOverShard(client, 0, 'relay')) }
  await claims(10)
  const few = [await buffersRead(() => claims(50)), await buffersRead(takeover), await buffersRead(async () => { await readShard(client, 0) })]
  await claims(4_000)
  const many = [await buffersRead(() => claims(50)), await buffersRead(takeover), await buffersRead(async () => { await readShard(client, 0) })]
  for (const [index, what] of ['50 claims', 'a takeover', 'a look at the shard'].entries()) {
    t.ok((many[index] ?? 0) <= (few[index] ?? 0) * 2 + 50, `${what} read ${many[index]} buffers, ${few[index]} at the beginning`)
  }
})
