import { testTopic, until } from '@orders/testing/framework'
import t from 'tap'
import { Stage } from './stage/stage.ts'
import { createTopic, deadLetters, deleteTopic, inTopic, invoices } from './stage/topics.ts'

const ORDERS = ['a', 'b', 'c']

for (const delivery of ['exactly-once', 'at-least-once']) {
  t.test(`${delivery}: a topic that is deleted while events flow to it costs one take-over`, async (t) => {
    const invoiceTopic = await testTopic(t, { partitions: 1 })
    const creditTopic = await testTopic(t, { partitions: 1 })
    const stage = await Stage.set(t, {
      settings: { RELAY_DELIVERY: delivery, RELAY_LEASE: 'none', RELAY_TOPICS: `invoice=${invoiceTopic.topic},credit=${creditTopic.topic}` }
    })
    await stage.relay('relay')
    await stage.post(...ORDERS, ...invoices(3))
    await stage.published()
    const epoch = await stage.epoch()

    await Promise.all([deleteTopic(stage, invoiceTopic.topic), deleteTopic(stage, creditTopic.topic)])
    for (let times = 0; times < 10; times++) await stage.post(...ORDERS, ...invoices(3), { aggregate: 'credit', type: 'credit' })
    await until(async () => {
      const { rows: [row] } = await stage.pool.query<{ orders: number }>('SELECT count(*)::int AS orders FROM outbox_events WHERE aggregate_type = \'order\'')
      return row?.orders === 0
    }, { what: 'the orders published' })
    t.ok(await stage.epoch() <= epoch + 2, `${await stage.epoch() - epoch} take-overs`)
    t.equal(await deadLetters(stage), 0)

    await createTopic(stage, invoiceTopic.topic)
    await createTopic(stage, creditTopic.topic)
    await stage.published()
    t.same((await inTopic(stage, creditTopic.topic, 1)).at(-1), 'credit 10')
  })
}
