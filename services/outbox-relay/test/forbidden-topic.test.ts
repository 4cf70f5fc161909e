import { securedKafka } from '@orders/testing/framework'
import t from 'tap'
import { Stage } from './stage/stage.ts'
import { deadLetters, inTopic, invoices, untilLogged } from './stage/topics.ts'

const ORDERS = ['a', 'b', 'c']

t.test('a topic whose grant is taken away, and given again', async (t) => {
  const broker = await securedKafka(t, { topics: ['orders', 'invoices'], grants: [['orders', 'Write'], ['orders', 'Read'], ['invoices', 'Write']] })
  await broker.admin.grantPrefix('relay-')
  const stage = await Stage.set(t, {
    kafka: broker.open,
    settings: {
      RELAY_LEASE: 'none',
      KAFKA_BROKERS: broker.broker.brokers,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'client',
      KAFKA_SASL_PASSWORD: 'client',
      RELAY_DEFAULT_TOPIC: 'orders',
      RELAY_TOPICS: 'invoice=invoices'
    }
  })
  const { service } = await stage.relay('relay')
  await stage.post(...ORDERS, ...invoices(3))
  await stage.published()
  const epoch = await stage.epoch()

  await broker.admin.revoke('invoices', 'Write')
  for (let times = 0; times < 10; times++) await stage.post(...ORDERS, ...invoices(3))
  await stage.published({ but: 30 })
  t.match(await untilLogged(service, 'topic_withheld', 'invoices'), { reason: 'TOPIC_AUTHORIZATION_FAILED', settings: 'RELAY_TOPICS' })
  t.ok(await stage.epoch() <= epoch + 2, `${await stage.epoch() - epoch} take-overs`)

  await broker.admin.grant('invoices', 'Write')
  await stage.published()
  t.equal(await deadLetters(stage), 0)
  t.same(await inTopic(stage, 'invoices', 33).then((found) => found.filter((id) => id.startsWith('invoice-0 '))), Array.from({ length: 11 }, (_, index) => `invoice-0 ${index + 1}`))
})
