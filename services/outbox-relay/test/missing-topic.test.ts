import { testTopic, until } from '@orders/testing/framework'
import t from 'tap'
import { RelayFixture } from './fixture/relay-fixture.ts'
import { createTopic, deadLetters, inTopic, invoices, untilLogged } from './fixture/topics.ts'

const ORDERS = ['a', 'b', 'c']

for (const delivery of ['exactly-once', 'at-least-once']) {
  t.test(`${delivery}: a topic that is missing from the start holds its own events back, until it is there`, async (t) => {
    const missing = `missing-${Math.random().toString(36).slice(2)}`
    const fixture = await RelayFixture.create(t, { settings: { RELAY_DELIVERY: delivery, RELAY_LEASE: 'none', RELAY_TOPICS: `invoice=${missing}` } })
    const { service } = await fixture.relay('relay')
    await fixture.post(...ORDERS, ...invoices(20), ...ORDERS)
    await fixture.published({ but: 20 })
    for (let times = 0; times < 10; times++) await fixture.post(...ORDERS, ...invoices(2))
    await fixture.published({ but: 40 })

    const line = await untilLogged(service, 'topic_withheld', missing)
    t.match(line, { reason: 'UNKNOWN_TOPIC_OR_PARTITION', types: ['invoice'], settings: 'RELAY_TOPICS', level: 'error' })
    const metrics = await fixture.metrics(service)
    t.equal(metrics.sum('relay_topics_withheld', `topic="${missing}"`), 1)
    t.equal(metrics.sum('relay_topics_withheld'), 1)
    t.equal(metrics.sum('relay_publish_failures_total'), 0, 'it was left out before anything was sent')
    t.equal(await fixture.epoch(), 1, 'no takeover')
    t.equal(await deadLetters(fixture), 0)
    await until(async () => {
      const page = await fixture.metrics(service)
      return page.sum('outbox_blocked_events', 'by="topic"') === 40 && page.sum('outbox_oldest_age_seconds') === 0
    }, { what: 'the withheld events to be counted apart from events that are stuck' })

    await createTopic(fixture, missing)
    await fixture.published()
    const expected = [...Array(20).keys()].map((index) => `invoice-${index} 1`)
    const found = await inTopic(fixture, missing, 40)
    t.equal(found.length, 40, 'each once')
    t.same(expected.filter((id) => !found.includes(id)), [])
    for (const aggregate of ['invoice-0', 'invoice-1']) {
      t.same(found.filter((id) => id.startsWith(`${aggregate} `)), Array.from({ length: 11 }, (_, index) => `${aggregate} ${index + 1}`), 'in order')
    }
    await untilLogged(service, 'topic_back', missing)
    t.equal((await fixture.metrics(service)).sum('relay_topics_withheld'), 0)
  })
}

t.test('the default topic is missing: at least once, the types of other topics are published', async (t) => {
  const invoiceTopic = await testTopic(t)
  const missing = `missing-${Math.random().toString(36).slice(2)}`
  const fixture = await RelayFixture.create(t, {
    settings: { RELAY_DELIVERY: 'at-least-once', RELAY_LEASE: 'none', RELAY_DEFAULT_TOPIC: missing, RELAY_TOPICS: `invoice=${invoiceTopic.topic}` }
  })
  const { service } = await fixture.relay('relay')
  await fixture.post(...ORDERS, ...invoices(5))
  await fixture.published({ but: ORDERS.length })
  t.match(await untilLogged(service, 'topic_withheld', missing), { settings: 'RELAY_DEFAULT_TOPIC' })
  await createTopic(fixture, missing)
  await fixture.published()
})

t.test('exactly once needs the default topic for its position: without it the relay waits, reports it, and does not spin', async (t) => {
  const missing = `missing-${Math.random().toString(36).slice(2)}`
  const fixture = await RelayFixture.create(t, { settings: { RELAY_LEASE: 'none', RELAY_DEFAULT_TOPIC: missing, RELAY_PROGRESS_DEADLINE_MS: '1000' } })
  const { service } = await fixture.relay('relay')
  await fixture.post(...ORDERS)
  const line = await untilLogged(service, 'position_topic_unavailable', missing)
  t.match(line, { settings: 'RELAY_DEFAULT_TOPIC', msg: /RELAY_DEFAULT_TOPIC.*right to read/ })
  await until(async () => (await fetch(`${service.ops}/readyz`)).status === 503, { what: 'the relay not ready' })
  const ready = await fetch(`${service.ops}/readyz`)
  t.match(await ready.text(), new RegExp(`topic ${missing} \\(RELAY_DEFAULT_TOPIC\\)`))
  t.equal(await fixture.epoch(), 0, 'no useless takeover')
  await createTopic(fixture, missing)
  await fixture.published()
  await until(async () => (await fetch(`${service.ops}/readyz`)).status === 200, { what: 'the relay ready' })
  t.notOk(service.logs.some(({ event }) => event === 'publishing_ended'), 'waiting for a topic is not the failure of a relay')
})

t.test('RELAY_TOPIC_GRACE_MS: the operator asked for dead letters', async (t) => {
  const fixture = await RelayFixture.create(t, {
    settings: { RELAY_LEASE: 'none', RELAY_TOPICS: 'invoice=no-such-topic', RELAY_TOPIC_GRACE_MS: '500', RELAY_POLL_INTERVAL_MS: '100' }
  })
  await fixture.relay('relay')
  await fixture.post('a', 'b', ...invoices(50), 'c')
  await fixture.published()
  const { rows } = await fixture.pool.query<{ reason: string }>('SELECT DISTINCT reason FROM outbox_dead_letters')
  t.same(rows, [{ reason: 'UNKNOWN_TOPIC_OR_PARTITION: topic no-such-topic (RELAY_TOPICS)' }])
  t.equal(await deadLetters(fixture), 50)
  t.same((await fixture.anomalies({ but: 50 })).lost.filter((event) => !event.startsWith('invoice')), [])
})
