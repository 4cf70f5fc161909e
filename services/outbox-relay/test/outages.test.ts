import { TcpProxy, until } from '@orders/testing/framework'
import t from 'tap'
import { EXACTLY_ONCE, Stage } from './stage/stage.ts'

const AGGREGATES = ['a', 'b', 'c']

async function status (url: string): Promise<number> {
  const response = await fetch(url)
  await response.arrayBuffer()
  return response.status
}

t.test('Kafka is away when the relay starts', async (t) => {
  const stage = await Stage.set(t, { settings: { RELAY_SEND_DEADLINE_MS: '1000', RELAY_BACKOFF_MAX_MS: '200' } })
  const kafka = await TcpProxy.start(stage.brokers)
  t.teardown(() => kafka.close())
  kafka.cut()
  const { service } = await stage.relay('relay', { KAFKA_BROKERS: kafka.address })
  await stage.post(...AGGREGATES)
  await until(async () => (await stage.metrics(service)).sum('relay_publish_failures_total', 'kind="uncertain"') > 2, { what: 'attempts' })
  t.equal(await status(`${service.ops}/livez`), 200, 'a restart would not help')
  kafka.heal()
  await stage.published()
  t.same(await stage.verdict(), EXACTLY_ONCE)
  const { rowCount } = await stage.pool.query('SELECT FROM outbox_dead_letters')
  t.equal(rowCount, 0, 'no outage makes a dead letter')
})

t.test('Postgres is away when the relay starts', async (t) => {
  const stage = await Stage.set(t)
  await stage.post(...AGGREGATES)
  const { service, postgres } = await stage.relay('relay', {}, (postgres) => { postgres.cut() })
  t.equal(await status(`${service.ops}/livez`), 200)
  t.equal(await status(`${service.ops}/readyz`), 503)
  postgres.heal()
  await stage.published()
  t.equal(await status(`${service.ops}/readyz`), 200)
  t.same(await stage.verdict(), EXACTLY_ONCE)
})

t.test('told to stop in an outage, the relay stops in its time', async (t) => {
  // They wait for time-outs most of the time.
  t.jobs = 4
  const outages = [['Kafka', 'cut'], ['Kafka', 'hang'], ['Kafka and Postgres', 'cut'], ['Kafka and Postgres', 'hang']] as const
  for (const [away, how] of outages) {
    void t.test(`${away} (${how})`, { buffered: true }, async (t) => {
      const stage = await Stage.set(t, { settings: { RELAY_SEND_DEADLINE_MS: '2000' } })
      const kafka = await TcpProxy.start(stage.brokers)
      t.teardown(() => kafka.close())
      const { service, postgres } = await stage.relay('relay', { KAFKA_BROKERS: kafka.address })
      await stage.post(...AGGREGATES)
      await stage.published()
      kafka[how]()
      if (away !== 'Kafka') postgres[how]()
      await stage.post(...AGGREGATES)
      service.kill('SIGTERM')
      t.equal(await service.exited(), 0)
    })
  }
  void t.test('Postgres, before it was ever there', { buffered: true }, async (t) => {
    const stage = await Stage.set(t)
    const { service } = await stage.relay('relay', {}, (postgres) => { postgres.hang() })
    service.kill('SIGTERM')
    t.equal(await service.exited(), 0)
  })
})
