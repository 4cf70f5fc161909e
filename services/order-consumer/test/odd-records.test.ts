import { createHash, randomBytes } from 'node:crypto'
import { createAdmin, type EventRecord } from '@orders/kafka'
import { testConnection, until } from '@orders/testing/framework'
import t from 'tap'
import { metric, setUp, type ConsumerFixture } from './order-consumer.ts'
import { eventIdOf, lives, orderEvent } from './order-events.ts'

type Headers = EventRecord['headers']

const bare = (headers: Record<string, unknown>) => Object.assign(Object.create(null) as Headers, headers)
/** An event with one more header of this name. */
const named = (name: string, value: unknown, event = orderEvent()) => {
  const headers = bare(event.headers)
  headers[name] = value as string
  return { ...event, headers }
}

t.test('with any bytes in header, key or value, a record is applied or becomes a dead letter unchanged, and the partition goes on', async (t) => {
  const fixture = await setUp(t)
  const applied = ['foo', 'traceparent', '__proto__', 'toString', 'constructor', 'hasOwnProperty', 'valueOf'].flatMap((name) => [named(name, null), named(name, 'x'), named(name, ['x', null, ''])])
  const aside = ['ce_id', 'ce_type', 'ce_subject', 'ce_time', 'ce_specversion', 'ce_aggregatetype', 'ce_aggregateversion'].flatMap((name) => [named(name, null), named(name, [null, 'x'])])
  for (const name of ['__proto__', 'toString', 'constructor']) {
    for (const value of [null, 'x', ['x', null]]) aside.push(named(name, value, orderEvent({ type: 'Nope' })))
  }
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  for (const value of [null, '', 'null', '1e999999', deep, Buffer.from([0xff]), '{"orderId":1,"orderId":2}', '{"__proto__":{"orderId":"x"}}']) aside.push({ ...orderEvent(), value: value as string })
  aside.push({ key: null as never, value: null as never, headers: {} })
  await fixture.publish([...applied, ...aside, ...lives(2, 1)])
  await fixture.start()
  await fixture.settled(applied.length + aside.length + 2)
  t.match(await fixture.stats(), { applied: applied.length + 2, deadLetters: aside.length })
  const letters = await fixture.deadLetters()
  const sent = (await fixture.admin.readTopic(fixture.topic)).slice(applied.length)
  for (const [index, letter] of letters.entries()) {
    const own = Object.entries(letter.headers).filter(([name]) => !name.startsWith('x-dead-letter-'))
    t.same(own, Object.entries(sent[index]?.headers ?? {}), `headers of ${index}`)
    t.same([letter.key, letter.value], [sent[index]?.key, sent[index]?.value], `key and value of ${index}`)
  }
  await fixture.caughtUp()
})

t.test('a record that the dead-letter topic refuses has a stand-in there that describes it', async (t) => {
  const fixture = await setUp(t)
  const large = randomBytes(300).toString('hex').repeat(5_000)
  const event = orderEvent({ type: 'Nope' })
  // This producer has no limit of its own, and the events' topic accepts the compressed record.
  await sendZipped(fixture, [{ ...event, value: large }, { key: 'none', value: 'a'.repeat(3_000_000), headers: {} }, { key: 'k'.repeat(1_200_000), value: null, headers: {} }])
  const good = lives(4, 1)
  await fixture.publish(good)
  const service = await fixture.start()
  await fixture.settled(good.length + 3)
  t.same(await fixture.effects(), good.map(eventIdOf).sort())
  const [first, second, third] = await fixture.deadLetters()
  const headerOf = (letter: typeof first, name: string) => String(letter?.headers[`x-dead-letter-${name}`])
  t.equal(headerOf(first, 'stand-in'), 'true')
  t.equal(headerOf(first, 'reason'), 'unknown-type')
  t.same([headerOf(first, 'topic'), headerOf(first, 'partition'), headerOf(first, 'offset')], [fixture.topic, '0', '0'])
  t.equal(headerOf(first, 'value-bytes'), '3000000')
  t.equal(headerOf(first, 'value-sha256'), createHash('sha256').update(large).digest('hex'))
  t.ok(Math.abs(Number(headerOf(first, 'timestamp')) - Date.now()) < 600_000)
  t.equal(String(first?.value), large.slice(0, 16_384))
  t.equal(first?.key, event.key)
  t.equal(String(first?.headers.ce_id), eventIdOf(event))
  t.match([headerOf(second, 'offset'), headerOf(second, 'stand-in'), String(second?.value).length], ['1', 'true', 16_384])
  t.match([headerOf(third, 'offset'), third?.key, third?.value, headerOf(third, 'value-bytes')], ['2', `${fixture.topic}/0/2`, null, 'none'])
  t.ok(service.logs.some(({ event, refused }) => event === 'record_dead_lettered' && refused === 'MESSAGE_TOO_LARGE'))
  t.equal(await metric(service, 'consumer_batch_failures_total'), 0)
  await fixture.caughtUp()
})

t.test('a dead-letter topic with a tiny limit, or that needs keys, still gets a stand-in for each record', async (t) => {
  const fixture = await setUp(t, { deadLetterTopic: 'missing' })
  await fixture.admin.ensureTopics([{ topic: fixture.deadLetterTopic, partitions: 1, config: { 'max.message.bytes': '1000', 'cleanup.policy': 'compact' } }])
  const records = [
    { key: null, value: 'short', headers: {} },
    { key: 'k', value: 'x'.repeat(5_000), headers: {} },
    { key: 'k', value: 'v', headers: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`h${index}`, 'y'.repeat(40)])) }
  ]
  await fixture.publish([...records, ...lives(1, 1)])
  await fixture.start()
  await fixture.settled(4)
  const letters = await fixture.deadLetters()
  t.same(letters.map(({ headers }) => String(headers['x-dead-letter-offset'])), ['0', '1', '2'])
  t.same(letters.map(({ headers }) => String(headers['x-dead-letter-value-bytes'])), ['5', '5000', '1'])
  t.match(await fixture.stats(), { applied: 1, deadLetters: 3 })
})

t.test('added partitions are read within seconds, from their beginning', async (t) => {
  const fixture = await setUp(t, { partitions: 1 })
  const service = await fixture.start()
  await fixture.publish(lives(2, 1))
  await fixture.settled(2)
  const admin = await createAdmin(testConnection(fixture.env.KAFKA_BROKERS ?? ''))
  t.teardown(() => admin.close())
  await admin.addPartitions(fixture.topic, 6)
  const more = lives(40, 1)
  await until(async () => { await fixture.publish(more); return true }, { what: 'the new partitions to take records' })
  // The default of kafkajs is five minutes.
  await until(async () => (await fixture.effects()).length === 42, { what: 'the events in the new partitions to be applied', deadlineMs: 90_000 })
  await fixture.caughtUp()
  t.ok(service.running)
})

async function sendZipped (fixture: ConsumerFixture, messages: Array<Omit<EventRecord, 'topic'>>): Promise<void> {
  const admin = await createAdmin(testConnection(fixture.env.KAFKA_BROKERS ?? ''))
  const producer = await admin.openRawProducer({ gzip: true }).finally(() => admin.close())
  try {
    for (const message of messages) await producer.send(fixture.topic, [{ partition: 0, ...message }])
  } finally {
    await producer.close()
  }
}
