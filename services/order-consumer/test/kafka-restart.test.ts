import { Kafka } from '@orders/testing/servers'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { getJson, metric, setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

t.test('Kafka is killed and restarted: the read model is served meanwhile, and the consumer recovers', async (t) => {
  const kafka = await Kafka.start()
  t.teardown(() => kafka.close())
  const fixture = await setUp(t, { kafka, partitions: 2 })
  const [before, after] = [lives(10, 2), lives(10, 2)]
  await until(async () => { await fixture.publish(before); return true }, { what: 'the broker to take records' })
  const service = await fixture.start()
  // Not "settled", which counts events that were published twice as two.
  await until(async () => (await fixture.stats()).applied === 20, { what: 'the first ones to be applied', deadlineMs: 60_000 })

  kafka.kill('SIGKILL')
  await kafka.exited()
  await until(async () => await metric(service, 'consumer_group_member') === 0, { what: 'the consumer to notice', deadlineMs: 60_000 })
  t.equal((await getJson(`${service.ops}/livez`)).status, 200, 'alive: a restart would not help')
  t.equal((await getJson(`${service.ops}/readyz`)).status, 200, 'ready: the read model comes from Postgres')
  t.match(await getJson(`${service.http}/stats`), { status: 200, body: { applied: 20 } })

  await kafka.start()
  await until(async () => { await fixture.publish(after); return true }, { what: 'the broker to take records again', deadlineMs: 60_000 })
  await until(async () => (await fixture.stats()).applied === 40, { what: 'the rest to be applied', deadlineMs: 60_000 })
  t.same(await fixture.effects(), [...before, ...after].map(eventIdOf).sort())
  t.equal(await metric(service, 'consumer_group_member'), 1)
  t.ok(service.running, 'it is the same process')
})
