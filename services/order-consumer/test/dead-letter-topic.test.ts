import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { getJson, metric, setUp, type ConsumerFixture } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

const REPLAY = fileURLToPath(new URL('../src/bin/replay-dead-letters.ts', import.meta.url))
const UNUSABLE = { key: 'k', value: 'no event', headers: {} }

t.test('without a dead-letter topic nothing is lost: the partition waits, and the log says so', async (t) => {
  const fixture = await setUp(t, { deadLetterTopic: 'missing' })
  const events = lives(3, 1)
  await fixture.publish([UNUSABLE, ...events])
  const service = await fixture.start()
  await until(async () => await metric(service, 'consumer_batch_failures_total') >= 3, { what: 'some attempts' })
  t.ok(service.logs.some(({ level, event, err }) => level === 'warn' && event === 'batch_not_applied' && /UNKNOWN_TOPIC/.test(JSON.stringify(err))))
  t.equal((await fixture.committed()).get(0), undefined)
  t.equal((await getJson(`${service.ops}/livez`)).status, 200)
  await fixture.admin.ensureTopics([{ topic: fixture.deadLetterTopic, partitions: 1 }])
  await fixture.settled(4)
  t.same((await fixture.deadLetters()).map(({ value }) => String(value)), ['no event'])
  t.same(await fixture.effects(), events.map(eventIdOf).sort())
})

t.test('a crash after a dead letter was written: it may be there twice, with one origin; other events have one effect', async (t) => {
  const fixture = await setUp(t)
  const events = lives(4, 1)
  const blocker = await fixture.owner.connect()
  await blocker.query('BEGIN')
  await blocker.query('LOCK TABLE order_history IN ACCESS EXCLUSIVE MODE')
  await fixture.publish([...events.slice(0, 2), UNUSABLE, ...events.slice(2)])
  const service = await fixture.start()
  await until(async () => (await fixture.deadLetters()).length > 0, { what: 'the dead letter' })
  service.kill('SIGKILL')
  await service.exited()
  await blocker.query('ROLLBACK')
  blocker.release()
  await service.start()
  await fixture.settled(5)
  const origins = (await fixture.deadLetters()).map(({ headers }) => String(headers['x-dead-letter-offset']))
  t.same([...new Set(origins)], ['2'])
  t.equal(origins.length, 2)
  t.same(await fixture.effects(), events.map(eventIdOf).sort())
  t.match(await fixture.stats(), { applied: 4, deadLetters: 1 })
})

t.test('a replay sends dead letters back to their topic unchanged; after the cause is removed, they are applied', async (t) => {
  const fixture = await setUp(t)
  const [first, second] = lives(1, 2)
  if (first === undefined || second === undefined) throw new Error('expected two events')
  await fixture.owner.query('ALTER TABLE order_views ADD CONSTRAINT nobody CHECK (customer_id <> \'customer-1\')')
  await fixture.publish([UNUSABLE, first])
  await fixture.start()
  await fixture.settled(2)
  await fixture.owner.query('ALTER TABLE order_views DROP CONSTRAINT nobody')

  t.match(await replay(fixture, '--reason', 'refused-by-postgres', '--dry-run'), /"offset":"1"[^]*"letters":1,.*would be replayed/)
  t.same((await fixture.admin.endOffsets(fixture.topic)).get(0), 2n, 'nothing was sent')
  t.match(await replay(fixture, '--reason', 'refused-by-postgres'), /"letters":1,.*"replayed"/)
  await fixture.publish([second])
  await fixture.settled(4)
  t.same(await fixture.effects(), [first, second].map(eventIdOf).sort())
  t.match(await fixture.stats(), { applied: 2, duplicates: 0, gaps: 0, deadLetters: 2 })
  const [, sent, again] = await fixture.admin.readTopic(fixture.topic)
  t.same([again?.key, again?.value, again?.headers], [sent?.key, sent?.value, sent?.headers])

  await replay(fixture)
  await fixture.settled(6)
  t.match(await fixture.stats(), { applied: 2, duplicates: 1, deadLetters: 3 }, 'both are replayed: one is a duplicate, the other becomes a dead letter again')
  t.same((await fixture.deadLetters()).map(({ headers }) => String(headers['x-dead-letter-offset'])), ['0', '1', '4'])
})

async function replay (fixture: ConsumerFixture, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@orders/source', REPLAY, ...args], { env: { PATH: process.env.PATH, ...fixture.env } })
  return stdout
}
