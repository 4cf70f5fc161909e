import { testTopic, until } from '@orders/testing/framework'
import t from 'tap'
import { RelayFixture } from './fixture/relay-fixture.ts'
import { createTopic, deadLetters, deleteTopic, inTopic, invoices } from './fixture/topics.ts'

const ORDERS = ['a', 'b', 'c']

for (const delivery of ['exactly-once', 'at-least-once']) {
  t.test(`${delivery}: a topic that is deleted while events flow to it costs one takeover`, async (t) => {
    const invoiceTopic = await testTopic(t, { partitions: 1 })
    const creditTopic = await testTopic(t, { partitions: 1 })
    const fixture = await RelayFixture.create(t, {
      settings: { RELAY_DELIVERY: delivery, RELAY_LEASE: 'none', RELAY_TOPICS: `invoice=${invoiceTopic.topic},credit=${creditTopic.topic}` }
    })
    await fixture.relay('relay')
    await fixture.post(...ORDERS, ...invoices(3))
    await fixture.published()
    const epoch = await fixture.epoch()

    await Promise.all([deleteTopic(fixture, invoiceTopic.topic), deleteTopic(fixture, creditTopic.topic)])
    for (let times = 0; times < 10; times++) await fixture.post(...ORDERS, ...invoices(3), { aggregate: 'credit', type: 'credit' })
    await until(async () => {
      const { rows: [row] } = await fixture.pool.query<{ orders: number }>('SELECT count(*)::int AS orders FROM outbox_events WHERE aggregate_type = \'order\'')
      return row?.orders === 0
    }, { what: 'the orders published' })
    t.ok(await fixture.epoch() <= epoch + 2, `${await fixture.epoch() - epoch} takeovers`)
    t.equal(await deadLetters(fixture), 0)

    await createTopic(fixture, invoiceTopic.topic)
    await createTopic(fixture, creditTopic.topic)
    await fixture.published()
    t.same((await inTopic(fixture, creditTopic.topic, 1)).at(-1), 'credit 10')
  })
}
