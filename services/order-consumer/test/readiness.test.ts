import { securedKafka, testDatabase, until } from '@orders/testing/framework'
import t from 'tap'
import { getJson, setUp } from './order-consumer.ts'
import { lives } from './order-events.ts'

type Failures = Array<{ check: string, reason: string }>

async function failuresOf (service: { ops: string }): Promise<Failures> {
  return (await getJson(`${service.ops}/readyz`)).body.failures as Failures
}

for (const [setting, check] of [['CONSUMER_TOPIC', 'consumer group'], ['CONSUMER_DEAD_LETTER_TOPIC', 'topics']] as const) {
  t.test(`a missing ${setting}: not ready, and the log names setting and topic, before any record needs it`, async (t) => {
    const fixture = await setUp(t)
    const topic = `${fixture.topic}.wrong`
    const service = await fixture.start({ [setting]: topic })
    await until(() => service.logs.some(({ event }) => event === 'topic_missing'), { what: 'the check of the topics' })
    const failures = await failuresOf(service)
    t.ok(failures.some((failure) => failure.check === check))
    t.match(failures.find((failure) => failure.check === 'topics')?.reason, new RegExp(`${topic} of ${setting}`))
    t.match(service.logs.filter(({ event }) => event === 'topic_missing'), [{ level: 'error', setting, topic }])
    await fixture.admin.ensureTopics([{ topic, partitions: 1 }])
    t.teardown(() => fixture.admin.deleteTopics([topic]))
    await until(async () => (await getJson(`${service.ops}/readyz`)).status === 200, { what: 'the topic to be found', deadlineMs: 60_000 })
  })
}

t.test('a dead-letter topic that may not be written to: not ready, and the log names setting and topic, before any record needs it', async (t) => {
  const { admin, settings, open } = await securedKafka(t, { topics: [], grants: [] })
  const fixture = await setUp(t, { kafka: open })
  await admin.grant(fixture.topic, 'Read')
  await admin.grant(fixture.deadLetterTopic, 'Read')
  await admin.grantPrefix(fixture.group)
  const service = await fixture.start(settings)
  await until(async () => (await failuresOf(service)).length === 1, { what: 'the rest to be ready', deadlineMs: 60_000 })
  t.match(await failuresOf(service), [{ check: 'topics', reason: new RegExp(`${fixture.deadLetterTopic} of CONSUMER_DEAD_LETTER_TOPIC.*may not write`) }])
  t.match(service.logs.filter(({ event }) => event === 'topic_forbidden'), [
    { level: 'error', setting: 'CONSUMER_DEAD_LETTER_TOPIC', topic: fixture.deadLetterTopic, right: 'write' }
  ])
  await admin.grant(fixture.deadLetterTopic, 'Write')
  await until(async () => (await getJson(`${service.ops}/readyz`)).status === 200, { what: 'the right to be found' })
})

t.test('the right to read the topic is taken away while it runs, and given again: it goes on', async (t) => {
  const { admin, settings, open } = await securedKafka(t, { topics: [], grants: [] })
  const fixture = await setUp(t, { kafka: open })
  await admin.grant(fixture.topic, 'Read')
  await admin.grant(fixture.deadLetterTopic, 'Write')
  await admin.grantPrefix(fixture.group)
  const service = await fixture.start(settings)
  await fixture.publish(lives(1, 1))
  await fixture.settled(1)
  await admin.revoke(fixture.topic, 'Read')
  // The second attempt fails when it subscribes, or later when it joins or fetches.
  const attempts = () => service.logs.filter(({ event }) => event === 'consumer_crashed' || event === 'subscribe_failed').length
  await until(() => attempts() >= 2, { what: 'two attempts without the right', deadlineMs: 60_000 })
  t.equal((await getJson(`${service.ops}/readyz`)).status, 200, 'the read model needs no Kafka')
  await admin.grant(fixture.topic, 'Read')
  await fixture.publish(lives(1, 1))
  await fixture.settled(2)
  t.ok(service.running)
})

t.test('the database of another service: not ready, and the log names the setting, once', async (t) => {
  const fixture = await setUp(t)
  const other = await testDatabase(t, { service: 'order-api' })
  const service = await fixture.start({ DATABASE_URL: other.ownerUrl })
  await until(async () => (await failuresOf(service)).length === 1, { what: 'the rest to be ready' })
  t.match(await failuresOf(service), [{ check: 'postgres', reason: /DATABASE_URL.*inbox/ }])
  t.match(service.logs.filter(({ event }) => event === 'wrong_database'), [{ level: 'error', setting: 'DATABASE_URL' }])
  t.equal(service.logs.filter(({ event }) => event === 'wrong_database').length, 1)
})

t.test('a missing grant: not ready', async (t) => {
  const fixture = await setUp(t)
  const service = await fixture.start()
  await until(async () => (await getJson(`${service.ops}/readyz`)).status === 200, { what: 'the consumer to be ready', deadlineMs: 60_000 })
  await fixture.owner.query('REVOKE SELECT ON order_history FROM order_consumer')
  t.match(await failuresOf(service), [{ check: 'postgres', reason: /order_history/ }])
  await fixture.owner.query('GRANT SELECT ON order_history TO order_consumer')
  t.equal((await getJson(`${service.ops}/readyz`)).status, 200)
  t.same(await fixture.publish(lives(1, 1)), undefined)
})
