import { assertHeld, claim, complete, dropClaim, enqueue, FencedError, readBatch, readShard, takeOverShard } from '@orders/outbox'
import t from 'tap'
import { event, outboxDatabase, readAll } from './outbox-database.ts'

t.test('each take-over raises the epoch and fences the one before', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('a', 2)])
  const former = await takeOverShard(pool, 0, 'former')
  t.same(former, { fence: { shard: 0, epoch: 1n }, batch: 0n, outstanding: undefined })
  await assertHeld(pool, former.fence)
  const { fence } = await takeOverShard(pool, 0, 'successor')
  t.equal(fence.epoch, 2n)

  await t.rejects(assertHeld(pool, former.fence), FencedError)
  await t.rejects(claim(pool, former.fence, ['1']), FencedError)
  await t.rejects(complete(pool, former.fence, ['1']), FencedError)
  await t.rejects(dropClaim(pool, former.fence, 0n), FencedError)
  t.equal((await readBatch(pool, readAll())).length, 2, 'nothing was deleted')

  await complete(pool, fence, ['1'])
  t.same((await readBatch(pool, readAll())).map(({ id }) => id), ['2'])
})

t.test('shards are fenced apart', async (t) => {
  const { pool } = await outboxDatabase(t)
  const { fence } = await takeOverShard(pool, 0, 'a')
  await takeOverShard(pool, 1, 'b')
  await assertHeld(pool, fence)
})

t.test('a take-over finds what was claimed and not completed', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('a', 2), event('a', 3)])
  const { fence } = await takeOverShard(pool, 0, 'first')
  t.equal(await claim(pool, fence, ['1', '2']), 1n)
  const second = await takeOverShard(pool, 0, 'second')
  t.same(second.outstanding, { batch: 1n, ids: ['1', '2'] })
  await complete(pool, second.fence, ['1', '2'])
  const third = await takeOverShard(pool, 0, 'third')
  t.same([third.batch, third.outstanding], [1n, undefined])
})

t.test('a claim completes the batch before, or does nothing at all', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, [event('a', 1), event('a', 2), event('a', 3)])
  const { fence } = await takeOverShard(pool, 0, 'first')
  t.equal(await claim(pool, fence, ['1']), 1n)
  t.equal(await claim(pool, fence, ['2'], ['1']), 2n)
  t.same((await readBatch(pool, readAll())).map(({ id }) => id), ['2', '3'])
  const second = await takeOverShard(pool, 0, 'second')
  t.same(second.outstanding, { batch: 2n, ids: ['2'] })
  await t.rejects(claim(pool, fence, ['3'], ['2']), FencedError)
  t.same((await readBatch(pool, readAll())).map(({ id }) => id), ['2', '3'], 'nothing was deleted')
})

t.test('a dropped claim leaves its events, and numbers go on from the position', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, event('a', 1))
  const { fence } = await takeOverShard(pool, 0, 'first')
  await claim(pool, fence, ['1'])
  await dropClaim(pool, fence, 41n)
  t.equal((await readBatch(pool, readAll())).length, 1)
  t.equal(await claim(pool, fence, ['1']), 42n)
})

t.test('a complete that waits for a take-over in progress is refused', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, event('a', 1))
  const { fence } = await takeOverShard(pool, 0, 'former')
  const successor = await pool.connect()
  await successor.query('BEGIN')
  await takeOverShard(successor, 0, 'successor')
  const completing = complete(pool, fence, ['1'])
  await successor.query('COMMIT')
  successor.release()
  await t.rejects(completing, FencedError)
  t.equal((await readBatch(pool, readAll())).length, 1)
})

t.test('who begins anew takes over from its own epoch only', async (t) => {
  const { pool } = await outboxDatabase(t)
  t.same(await readShard(pool, 0), { epoch: 0n, holder: undefined })
  const { fence } = await takeOverShard(pool, 0, 'former', 0n)
  t.equal((await takeOverShard(pool, 0, 'former', fence.epoch)).fence.epoch, 2n)
  await takeOverShard(pool, 0, 'successor')
  await t.rejects(takeOverShard(pool, 0, 'former', 2n), FencedError)
  t.same(await readShard(pool, 0), { epoch: 3n, holder: 'successor' })

  await pool.query('DELETE FROM relay_shard')
  t.equal((await takeOverShard(pool, 0, 'successor', 3n)).fence.epoch, 4n, 'an epoch never comes again, also when the row was deleted')
})

t.test('of several that take over from the same epoch one succeeds', async (t) => {
  const { pool } = await outboxDatabase(t)
  const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((holder) => takeOverShard(pool, 0, holder, 0n)))
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  t.equal((await readShard(pool, 0)).epoch, 1n)
})
