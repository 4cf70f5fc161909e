import {
  backlog, complete, countDeadLetters, deadLetter, DeadLetterIdTakenError, DeadLetterNotFoundError, discardDeadLetter, enqueue, FencedError, listDeadLetters, readBatch,
  replayableDeadLetters, replayDeadLetter, takeOverShard, type Fence
} from '@orders/outbox'
import pg from 'pg'
import t from 'tap'
import { event, eventOf, namesOf, outboxDatabase, readAll } from './outbox-database.ts'

async function refuseFirst (pool: pg.Pool, blocking: boolean): Promise<Fence> {
  await enqueue(pool, [event('a', 1), event('b', 1), event('a', 2)])
  const { fence } = await takeOverShard(pool, 0, 'relay')
  await deadLetter(pool, fence, await firstEvent(pool), 'MESSAGE_TOO_LARGE', blocking)
  return fence
}

async function firstEvent (pool: pg.Pool): Promise<{ id: string, eventId: string }> {
  const { ids: [id = ''], eventIds: [eventId = ''] } = await namesOf(pool, 1)
  return { id, eventId }
}

const ids = async (pool: pg.Pool) => (await readBatch(pool, readAll({ after: -1n }))).map(({ id }) => Number(id))

t.test('a blocking dead letter holds back its aggregate alone', async (t) => {
  const { pool } = await outboxDatabase(t)
  await refuseFirst(pool, true)
  t.same(await ids(pool), [2])
  t.match(await listDeadLetters(pool), [{ id: 1n, aggregateId: 'a', reason: 'MESSAGE_TOO_LARGE', blocking: true, waiting: 1, replayedAt: null }])
  t.match(await backlog(pool), { events: 2, deadLetters: 1 })
})

t.test('a dead letter that does not block lets its aggregate go on', async (t) => {
  const { pool } = await outboxDatabase(t)
  await refuseFirst(pool, false)
  t.same(await ids(pool), [2, 3])
})

t.test('a replayed event comes back before its successors, which wait until it is completed', async (t) => {
  const { pool } = await outboxDatabase(t)
  const fence = await refuseFirst(pool, true)
  await replayDeadLetter(pool, 1n)
  t.same(await ids(pool), [1, 2])
  t.same((await readBatch(pool, readAll({ after: 1n }))).map(({ id }) => id), ['2'], 'also for a reader that is past its id')
  await t.rejects(replayDeadLetter(pool, 1n), DeadLetterNotFoundError)
  await t.rejects(discardDeadLetter(pool, 1n), DeadLetterNotFoundError)
  await complete(pool, fence, await namesOf(pool, 1))
  t.same(await ids(pool), [2, 3])
  t.same(await listDeadLetters(pool), [])
})

t.test('a replayed event that is refused again is a dead letter again', async (t) => {
  const { pool } = await outboxDatabase(t)
  const fence = await refuseFirst(pool, true)
  await replayDeadLetter(pool, 1n)
  await deadLetter(pool, fence, await firstEvent(pool), 'still too large', true)
  t.same(await ids(pool), [2])
  t.match(await listDeadLetters(pool), [{ id: 1n, reason: 'still too large', replayedAt: null }])
})

t.test('discarding one frees its aggregate', async (t) => {
  const { pool } = await outboxDatabase(t)
  await refuseFirst(pool, true)
  await discardDeadLetter(pool, 1n)
  t.same(await ids(pool), [2, 3])
  await t.rejects(discardDeadLetter(pool, 1n), DeadLetterNotFoundError)
})

t.test('a fenced relay makes no dead letters', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, event('a', 1))
  const { fence } = await takeOverShard(pool, 0, 'former')
  await takeOverShard(pool, 0, 'successor')
  await t.rejects(deadLetter(pool, fence, await firstEvent(pool), 'too large', true), FencedError)
  t.same(await ids(pool), [1])
  t.same(await listDeadLetters(pool), [])
})

t.test('dead letters are listed and replayed in the order of ids, also where the ids gain a digit', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, Array.from({ length: 12 }, (_, index) => event(`a${index}`, 1)))
  const { fence } = await takeOverShard(pool, 0, 'relay')
  for (const id of [11, 9, 2, 10]) await deadLetter(pool, fence, await eventOf(pool, id), "it's $1 too large", false)
  t.same((await listDeadLetters(pool)).map(({ id, reason }) => [id, reason]), [2n, 9n, 10n, 11n].map((id) => [id, "it's $1 too large"]))
  t.same(await replayableDeadLetters(pool), [2n, 9n, 10n, 11n])
  await replayDeadLetter(pool, 9n)
  t.same(await replayableDeadLetters(pool), [2n, 10n, 11n])
  t.equal((await listDeadLetters(pool, 2)).length, 2)
  t.equal(await countDeadLetters(pool), 4)
})

t.test('moving a large payload may take longer than the session\'s statement_timeout', async (t) => {
  const { pool, url } = await outboxDatabase(t)
  await enqueue(pool, event('a', 1))
  const { fence } = await takeOverShard(pool, 0, 'relay')
  await pool.query(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON outbox_dead_letters FOR EACH ROW EXECUTE FUNCTION slow()`)
  const impatient = new pg.Pool({ connectionString: url, max: 1, statement_timeout: 300, query_timeout: 400 })
  t.teardown(() => impatient.end())
  await deadLetter(impatient, fence, await eventOf(pool, 1), 'too large', true)
  t.equal(await countDeadLetters(pool), 1)
  t.same((await impatient.query('SHOW statement_timeout')).rows, [{ statement_timeout: '300ms' }], 'for this one statement alone')
})
t.test('an id that was given out again: neither the new event nor the old dead letter is lost', async (t) => {
  const { pool } = await outboxDatabase(t)
  const fence = await refuseFirst(pool, true)
  const refused = await firstEventOf(pool)
  await pool.query('TRUNCATE outbox_events RESTART IDENTITY')
  await enqueue(pool, event('z', 1))
  await deadLetter(pool, fence, refused, 'MESSAGE_TOO_LARGE', true)
  t.same(await ids(pool), [1], 'a refusal of the old event does not touch the new one')
  await enqueue(pool, [event('z', 2), event('y', 1)])
  await deadLetter(pool, fence, await firstEvent(pool), 'MESSAGE_TOO_LARGE', true)
  t.same(await ids(pool), [3], 'the new one blocks its aggregate, and no other')
  t.match(await listDeadLetters(pool), [{ id: 0n, aggregateId: 'z', waiting: 1 }, { id: 1n, aggregateId: 'a' }])

  await replayDeadLetter(pool, 0n)
  t.same(await ids(pool), [0, 3])
  await complete(pool, fence, await namesOf(pool, 0))
  t.same(await ids(pool), [2, 3], 'published, it lets the later ones of its aggregate through')
  t.match(await listDeadLetters(pool), [{ id: 1n, aggregateId: 'a' }])
})

t.test('an id that was given out again, and no free one between those of its aggregate: the event stays', async (t) => {
  const { pool } = await outboxDatabase(t)
  const { fence } = await takeOverShard(pool, 0, 'relay')
  await enqueue(pool, [event('x', 1), event('a', 1)])
  await deadLetter(pool, fence, await eventOf(pool, 2), 'MESSAGE_TOO_LARGE', true)
  await pool.query('TRUNCATE outbox_events RESTART IDENTITY')
  await enqueue(pool, [event('z', 1), event('z', 2)])
  await t.rejects(deadLetter(pool, fence, await eventOf(pool, 2), 'MESSAGE_TOO_LARGE', true), DeadLetterIdTakenError)
  t.same(await ids(pool), [1, 2])
  await complete(pool, fence, await namesOf(pool, 1))
  await deadLetter(pool, fence, await eventOf(pool, 2), 'MESSAGE_TOO_LARGE', true)
  t.match(await listDeadLetters(pool), [{ id: 1n, aggregateId: 'z' }, { id: 2n, aggregateId: 'a' }])
})

/** The event of the dead letter. */
async function firstEventOf (pool: pg.Pool): Promise<{ id: string, eventId: string }> {
  const [letter] = await listDeadLetters(pool)
  return { id: String(letter?.id), eventId: letter?.eventId ?? '' }
}
