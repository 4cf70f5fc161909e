import { until } from '@orders/local-stack/harness'
import t from 'tap'
import { getJson, metric, setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

const UNUSABLE = { key: 'k', value: 'no event', headers: {} }

t.test('without a dead-letter topic nothing is lost: the partition waits, visibly, until there is one', async (t) => {
  const stage = await setUp(t, { deadLetterTopic: 'missing' })
  const events = lives(3, 1)
  await stage.publish([UNUSABLE, ...events])
  const service = await stage.start()
  await until(async () => await metric(service, 'consumer_batch_failures_total') >= 3, { what: 'some attempts' })
  t.ok(service.logs.some(({ level, msg, err }) => level === 'warn' && msg === 'a batch could not be applied, trying again' && /UNKNOWN_TOPIC/.test(JSON.stringify(err))))
  t.equal((await stage.committed()).get(0), undefined)
  t.equal((await getJson(`${service.ops}/livez`)).status, 200)
  await stage.admin.ensureTopics([{ topic: stage.deadLetterTopic, partitions: 1 }])
  await stage.settled(4)
  t.same((await stage.deadLetters()).map(({ value }) => String(value)), ['no event'])
  t.same(await stage.effects(), events.map(eventIdOf).sort())
})

t.test('a crash after a dead letter was written: it may be there twice, with one origin; the events around it have one effect', async (t) => {
  const stage = await setUp(t)
  const events = lives(4, 1)
  const blocker = await stage.owner.connect()
  await blocker.query('BEGIN')
  await blocker.query('LOCK TABLE order_history IN ACCESS EXCLUSIVE MODE')
  await stage.publish([...events.slice(0, 2), UNUSABLE, ...events.slice(2)])
  const service = await stage.start()
  await until(async () => (await stage.deadLetters()).length > 0, { what: 'the dead letter' })
  service.kill('SIGKILL')
  await service.exited()
  await blocker.query('ROLLBACK')
  blocker.release()
  await service.start()
  await stage.settled(5)
  const origins = (await stage.deadLetters()).map(({ headers }) => String(headers['x-dead-letter-offset']))
  t.same([...new Set(origins)], ['2'])
  t.equal(origins.length, 2)
  t.same(await stage.effects(), events.map(eventIdOf).sort())
  t.match(await stage.stats(), { applied: 4, deadLetters: 1 })
})

t.test('a dead letter that is sent to the topic again is applied, once its cause is gone', async (t) => {
  const stage = await setUp(t)
  const [first, second] = lives(1, 2)
  if (first === undefined || second === undefined) throw new Error('expected two events')
  await stage.owner.query('ALTER TABLE order_views ADD CONSTRAINT nobody CHECK (customer_id <> \'customer-1\')')
  await stage.publish([first])
  await stage.start()
  await stage.settled(1)
  await stage.owner.query('ALTER TABLE order_views DROP CONSTRAINT nobody')
  const [letter] = await stage.deadLetters()
  if (letter === undefined) throw new Error('expected a dead letter')
  await stage.publish([{ key: letter.key, value: letter.value, headers: letter.headers as Record<string, Buffer> }, second])
  await stage.settled(3)
  t.same(await stage.effects(), [first, second].map(eventIdOf).sort())
  t.match(await stage.stats(), { applied: 2, duplicates: 0, gaps: 0, deadLetters: 1 })
})
