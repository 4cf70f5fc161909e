import { Postgres } from '@orders/testing/servers'
import { TcpProxy, until } from '@orders/testing/framework'
import t from 'tap'
import { getJson, metric, setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

t.test('an outage of Postgres: the consumer waits and recovers; no event becomes a dead letter, and an unusable record becomes one', async (t) => {
  const postgres = await Postgres.start()
  t.teardown(() => postgres.close())
  const fixture = await setUp(t, { postgres })
  const before = lives(4, 1)
  await fixture.publish(before)
  const service = await fixture.start()
  await fixture.settled(before.length)

  await postgres.stop('immediate')
  const during = lives(4, 2)
  await fixture.publish([...during, { key: 'k', value: 'no event', headers: {} }])
  await until(async () => await metric(service, 'consumer_batch_failures_total') >= 4, { what: 'some attempts' })
  t.equal((await getJson(`${service.ops}/livez`)).status, 200, 'alive: a restart would not help')
  t.match(await getJson(`${service.ops}/readyz`), { status: 503, body: { failures: [{ check: 'postgres' }] } })
  for (const path of ['/stats', `/orders/${String(before[0]?.key)}`, '/customers/customer-1/orders']) {
    t.match(await getJson(service.http + path), { status: 503, type: /problem\+json/, body: { type: 'urn:problem:unavailable' } }, path)
  }
  t.same((await fixture.committed()).get(0), 4n, 'no offset was committed meanwhile')

  await postgres.start()
  await fixture.settled(13)
  t.same(await fixture.effects(), [...before, ...during].map(eventIdOf).sort())
  t.match(await fixture.stats(), { applied: 12, deadLetters: 1 })
  t.same((await fixture.deadLetters()).map(({ value }) => String(value)), ['no event'], 'one dead letter, although its batch was retried several times')
  await fixture.caughtUp()
  await until(async () => (await getJson(`${service.ops}/readyz`)).status === 200, { what: 'the service to be ready again' })
})

t.test('Postgres starts after the consumer, and later hangs', async (t) => {
  const fixture = await setUp(t)
  const url = new URL(fixture.database.url('order_consumer'))
  const proxy = await TcpProxy.start(url.host)
  t.teardown(() => proxy.close())
  url.host = proxy.address
  proxy.cut()
  const events = lives(5, 2)
  await fixture.publish(events.slice(0, 5))
  const service = await fixture.start({ DATABASE_URL: url.href })
  await until(async () => await metric(service, 'consumer_batch_failures_total') >= 2, { what: 'some attempts' })
  proxy.heal()
  await fixture.settled(5)

  proxy.hang()
  const failures = await metric(service, 'consumer_batch_failures_total')
  await fixture.publish(events.slice(5))
  await until(async () => await metric(service, 'consumer_batch_failures_total') > failures, { what: 'the hanging transaction to be given up' })
  proxy.heal()
  await fixture.settled(10)
  t.same(await fixture.effects(), events.map(eventIdOf).sort())
  t.same(await fixture.deadLetters(), [])
})
