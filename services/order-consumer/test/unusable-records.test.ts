import type { EventRecord } from '@orders/kafka'
import t from 'tap'
import { metric, setUp } from './order-consumer.ts'
import { eventIdOf, orderEvent } from './order-events.ts'

type Unusable = Omit<EventRecord, 'topic'>

const good = orderEvent()
const withHeaders = (headers: Record<string, string>): Unusable => ({ ...good, headers: { ...good.headers, ...headers } })
const withValue = (value: string | Buffer | null): Unusable => ({ ...good, value })

const UNUSABLE: Array<[string, string, Unusable]> = [
  ['no JSON', 'malformed-json', withValue('{"orderId":')],
  ['bytes that are no text', 'malformed-json', withValue(Buffer.from([0xff, 0xfe, 0x00]))],
  ['an empty value', 'malformed-json', withValue('')],
  ['no value', 'not-a-cloud-event', withValue(null)],
  ['a field missing', 'schema', withValue(JSON.stringify({ orderId: good.key }))],
  ['a field of another type', 'schema', withValue(JSON.stringify({ orderId: good.key, customerId: 7 }))],
  ['a customer that Postgres could not store', 'schema', withValue(JSON.stringify({ orderId: good.key, customerId: 'a\0b' }))],
  ['too long a customer', 'schema', withValue(JSON.stringify({ orderId: good.key, customerId: 'c'.repeat(500_000) }))],
  ['another order than the headers say', 'schema', withHeaders({ ce_subject: '0190163d-8694-739b-aea5-966c26f8ad91' })],
  ['an event type that does not exist', 'unknown-type', withHeaders({ ce_type: 'OrderTeleported' })],
  ['a type that is a property of every object', 'unknown-type', withHeaders({ ce_type: 'constructor' })],
  ['another aggregate', 'unknown-aggregate', withHeaders({ ce_aggregatetype: 'invoice' })],
  ['no headers, and a key of bytes', 'not-a-cloud-event', { key: Buffer.from([0xc3, 0x28]), value: 'hello', headers: {} }],
  ['a header that is there twice', 'not-a-cloud-event', { ...good, headers: { ...good.headers, ce_type: ['OrderCreated', Buffer.from([0xff])] } }],
  ['an id that is none', 'not-a-cloud-event', withHeaders({ ce_id: '7' })],
  ['a time that is none', 'not-a-cloud-event', withHeaders({ ce_time: '7' })],
  ['a version out of reach', 'not-a-cloud-event', withHeaders({ ce_aggregateversion: '9999999999' })],
  ['CloudEvents of another version', 'not-a-cloud-event', withHeaders({ ce_specversion: '2.0' })],
  ['an endless header', 'not-a-cloud-event', withHeaders({ ce_type: 'x'.repeat(100_000) })]
]

t.test('records that can never be applied become dead letters, unchanged and with the reason; the partition goes on', async (t) => {
  const fixture = await setUp(t)
  const between = UNUSABLE.map(() => orderEvent())
  await fixture.publish(UNUSABLE.flatMap(([, , record], index) => [record, between[index] ?? record]))
  const service = await fixture.start()
  await fixture.settled(UNUSABLE.length * 2)

  t.same(await fixture.effects(), between.map(eventIdOf).sort(), 'the events in between took effect')
  const letters = await fixture.deadLetters()
  t.equal(letters.length, UNUSABLE.length)
  const sent = await fixture.admin.readTopic(fixture.topic)
  for (const [index, [name, reason]] of UNUSABLE.entries()) {
    const letter = letters[index]
    const origin = sent[index * 2]
    if (letter === undefined || origin === undefined) throw new Error(`expected a record and a letter for ${name}`)
    const { 'x-dead-letter-reason': why, 'x-dead-letter-message': message, 'x-dead-letter-offset': offset, 'x-dead-letter-topic': topic, 'x-dead-letter-partition': partition, ...headers } = letter.headers
    t.equal(String(why), reason, name)
    t.match(String(message), /expected|OrderCreated|must/, name)
    t.same([String(topic), String(partition), String(offset)], [fixture.topic, '0', String(index * 2)], name)
    t.same(letter.value, origin.value, `${name}: the value is unchanged`)
    t.same(letter.key, origin.key, `${name}: the key is unchanged`)
    t.same(headers, origin.headers, `${name}: the headers are unchanged`)
  }
  t.equal(await metric(service, 'consumer_dead_letters_total'), UNUSABLE.length)
  t.match(await fixture.stats(), { applied: UNUSABLE.length, duplicates: 0, deadLetters: UNUSABLE.length })
  await fixture.caughtUp()
})

t.test('many dead letters at once may be larger than one record batch of Kafka', async (t) => {
  const fixture = await setUp(t)
  // With the headers of a dead letter, 400 of them exceed the topic's max.message.bytes.
  const records = Array.from({ length: 400 }, (_, index) => ({ key: `k${index}`, value: 'x'.repeat(2_400), headers: {} }))
  await fixture.publish(records.slice(0, 200))
  await fixture.publish(records.slice(200))
  await fixture.start()
  await fixture.settled(400)
  t.same((await fixture.deadLetters()).map(({ key }) => key), records.map(({ key }) => key))
})
