import { securedKafka } from '@orders/testing/framework'
import t from 'tap'
import { RelayFixture } from './fixture/relay-fixture.ts'
import { deadLetters, inTopic, invoices, untilLogged } from './fixture/topics.ts'

const ORDERS = ['a', 'b', 'c']

t.test('a topic whose grant is revoked, and given again', async (t) => {
  const broker = await securedKafka(t, { topics: ['orders', 'invoices'], grants: [['orders', 'Write'], ['orders', 'Read'], ['invoices', 'Write']] })
  await broker.admin.grantPrefix('relay-')
  const fixture = await RelayFixture.create(t, {
    kafka: broker.open,
    settings: {
      RELAY_LEASE: 'none',
      ...broker.settings,
      RELAY_DEFAULT_TOPIC: 'orders',
      RELAY_TOPICS: 'invoice=invoices'
    }
  })
  const { service } = await fixture.relay('relay')
  await fixture.post(...ORDERS, ...invoices(3))
  await fixture.published()
  const epoch = await fixture.epoch()

  await broker.admin.revoke('invoices', 'Write')
  for (let times = 0; times < 10; times++) await fixture.post(...ORDERS, ...invoices(3))
  await fixture.published({ but: 30 })
  t.match(await untilLogged(service, 'topic_withheld', 'invoices'), { reason: 'TOPIC_AUTHORIZATION_FAILED', settings: 'RELAY_TOPICS' })
  t.ok(await fixture.epoch() <= epoch + 2, `${await fixture.epoch() - epoch} takeovers`)

  await broker.admin.grant('invoices', 'Write')
  await fixture.published()
  t.equal(await deadLetters(fixture), 0)
  t.same(await inTopic(fixture, 'invoices', 33).then((found) => found.filter((id) => id.startsWith('invoice-0 '))), Array.from({ length: 11 }, (_, index) => `invoice-0 ${index + 1}`))
})
