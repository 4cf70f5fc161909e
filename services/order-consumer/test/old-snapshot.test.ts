import { randomUUID } from 'node:crypto'
import { testDatabase, type TestContext } from '@orders/testing/framework'
import pg from 'pg'
import t from 'tap'
import { applyEvents, type StatsPlaces } from '../src/apply/apply-events.ts'
import { addStats } from '../src/apply/repository.ts'
import { deleteOldInbox } from '../src/apply/purge-inbox.ts'

const NONE = { applied: 1, duplicates: 0, gaps: 0, deadLetters: 0 }

async function open (t: TestContext): Promise<{ pool: pg.Pool, owner: pg.Pool }> {
  const database = await testDatabase(t, { service: 'order-consumer' })
  const [pool, owner] = ['order_consumer', ''].map((role) => new pg.Pool({ connectionString: role === '' ? database.ownerUrl : database.url(role as 'order_consumer'), max: 2 }))
  if (pool === undefined || owner === undefined) throw new Error('expected two pools')
  t.teardown(async () => { await pool.end(); await owner.end() })
  return { pool, owner }
}

/** The pages that a statement read. Independent of the machine's load. */
async function pagesOf (client: pg.ClientBase, statement: string): Promise<number> {
  const { rows: [row] } = await client.query<{ 'QUERY PLAN': Array<{ Plan: Record<string, number> }> }>(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement}`)
  const plan = row?.['QUERY PLAN'][0]?.Plan ?? {}
  return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0)
}

t.test('with an old snapshot open, the cost of the counts does not grow', async (t) => {
  const { pool, owner } = await open(t)
  const old = await owner.connect()
  t.teardown(() => { old.release(true) })
  await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await old.query('SELECT count(*) FROM consumer_stats')
  const client = await pool.connect()
  t.teardown(() => { client.release() })
  await client.query('SET synchronous_commit = off')
  let place = await addStats(client, 0, NONE)
  /** The pages that the updates read, and those of the check for duplicates, if there is one. */
  const pagesOfUpdates = async (count: number) => {
    const total = async () => {
      await client.query('SELECT pg_stat_force_next_flush()')
      const { rows: [row] } = await client.query<{ read: number }>(`
        SELECT (heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0))::int AS read FROM pg_statio_user_tables WHERE relname = 'consumer_stats'`)
      return row?.read ?? 0
    }
    const before = await total()
    for (let done = 0; done < count; done++) place = await addStats(client, 0, NONE, place)
    return await total() - before
  }
  // Several pages full, before and after.
  const few = await pagesOfUpdates(1_000)
  await pagesOfUpdates(20_000)
  const many = await pagesOfUpdates(1_000)
  const byKey = await pagesOf(client, 'SELECT FROM consumer_stats WHERE partition = 0')
  t.ok(byKey > 20, `by its key the row would be found on ${byKey} pages by now`)
  t.ok(many <= few * 1.2, `1,000 updates read ${many} pages, ${few} at the beginning`)
})

t.test('counts are complete with two consumers of one partition, a wrong place, and a place that was rolled back', async (t) => {
  const { pool, owner } = await open(t)
  const [one, other]: StatsPlaces[] = [new Map(), new Map()]
  if (one === undefined || other === undefined) throw new Error('expected two')
  for (let count = 0; count < 5; count++) {
    await applyEvents(pool, 0, [], 1, one)
    await applyEvents(pool, 0, [], 1, other)
    await applyEvents(pool, 1, [], 1, one)
  }
  // The row of another partition.
  await applyEvents(pool, 1, [], 1, new Map([[1, one.get(0) ?? '']]))
  const known = one.get(0)
  const event = { eventId: randomUUID(), orderId: randomUUID(), version: 1, customerId: 'c', status: 'PENDING' as const, occurredAt: new Date(), traceparent: undefined }
  await owner.query('ALTER TABLE consumer_stats ADD CONSTRAINT few CHECK (applied < 1)')
  await t.rejects(applyEvents(pool, 0, [event], 0, one), /few/)
  t.equal(one.get(0), known)
  await owner.query('ALTER TABLE consumer_stats DROP CONSTRAINT few')
  await owner.query('VACUUM FULL consumer_stats')
  await applyEvents(pool, 0, [event], 0, one)
  const { rows } = await owner.query('SELECT partition, applied::int, dead_letters::int FROM consumer_stats ORDER BY partition')
  t.same(rows, [{ partition: 0, applied: 1, dead_letters: 10 }, { partition: 1, applied: 0, dead_letters: 6 }])
})

t.test('the search for old inbox rows starts where the previous one ended', async (t) => {
  const { pool, owner } = await open(t)
  await owner.query('INSERT INTO inbox SELECT gen_random_uuid(), clock_timestamp() - interval \'2 hours\' - n * interval \'1 second\' FROM generate_series(1, 30) n')
  const first = await deleteOldInbox(pool, 1, 20)
  t.equal(first.count, 20)
  const second = await deleteOldInbox(pool, 1, 20, first.upTo)
  t.equal(second.count, 10)
  const third = await deleteOldInbox(pool, 1, 20, second.upTo)
  t.same(third, { count: 0, upTo: second.upTo })
  t.equal((await owner.query('SELECT FROM inbox')).rowCount, 0)
})
