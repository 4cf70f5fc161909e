import { complete, enqueue, readBatch, ScanBound, takeOverShard } from '@orders/outbox'
import t from 'tap'
import { event, namesOf, outboxDatabase, readAll } from './outbox-database.ts'

t.test('the bound does not pass the id of a transaction that is still open', async (t) => {
  const { pool } = await outboxDatabase(t)
  const { fence } = await takeOverShard(pool, 0, 'relay')
  await enqueue(pool, [event('x', 1), event('y', 1)])
  const late = await pool.connect()
  await late.query('BEGIN')
  await enqueue(late, event('a', 1))
  await enqueue(pool, event('z', 1))
  await complete(pool, fence, await namesOf(pool, 1, 2, 4))

  const bound = new ScanBound()
  for (let step = 0; step < 4; step++) await bound.advance(pool, 4n)
  t.equal(bound.value, 0n, 'somebody is still writing')

  await late.query('COMMIT')
  late.release()
  await enqueue(pool, event('a', 2))
  for (let step = 0; step < 4; step++) await bound.advance(pool, 5n)
  t.equal(bound.value, 2n, 'it stops below the late event')
  t.same((await readBatch(pool, readAll({ after: bound.value }))).map(({ aggregateVersion }) => aggregateVersion), ['1', '2'])
})

t.test('it reaches the last id when the outbox is empty, and 0 again on reset', async (t) => {
  const { pool } = await outboxDatabase(t)
  const { fence } = await takeOverShard(pool, 0, 'relay')
  await enqueue(pool, [event('x', 1), event('y', 1)])
  await complete(pool, fence, await namesOf(pool, 1, 2))
  const bound = new ScanBound()
  await bound.advance(pool, 2n)
  await bound.advance(pool, 2n)
  t.equal(bound.value, 2n)
  bound.reset()
  t.equal(bound.value, 0n)
})

t.test('a writer that began after the bound was noted does not hold it up', async (t) => {
  const { pool } = await outboxDatabase(t)
  const { fence } = await takeOverShard(pool, 0, 'relay')
  await enqueue(pool, event('x', 1))
  await complete(pool, fence, await namesOf(pool, 1))
  const bound = new ScanBound()
  await bound.advance(pool, 1n)
  const later = await pool.connect()
  await later.query('BEGIN')
  await enqueue(later, event('y', 1))
  await bound.advance(pool, 1n)
  t.equal(bound.value, 1n)
  await later.query('ROLLBACK')
  later.release()
})
