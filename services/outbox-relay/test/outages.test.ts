import { TcpProxy, until } from '@orders/testing/framework'
import t from 'tap'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'

const AGGREGATES = ['a', 'b', 'c']

async function status (url: string): Promise<number> {
  const response = await fetch(url)
  await response.arrayBuffer()
  return response.status
}

t.test('Kafka is away when the relay starts', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { RELAY_SEND_DEADLINE_MS: '1000', RELAY_BACKOFF_MAX_MS: '200' } })
  const kafka = await TcpProxy.start(fixture.brokers)
  t.teardown(() => kafka.close())
  kafka.cut()
  const { service } = await fixture.relay('relay', { KAFKA_BROKERS: kafka.address })
  await fixture.post(...AGGREGATES)
  await until(async () => (await fixture.metrics(service)).sum('relay_publish_failures_total', 'kind="uncertain"') > 2, { what: 'attempts' })
  t.equal(await status(`${service.ops}/livez`), 200, 'a restart would not help')
  kafka.heal()
  await fixture.published()
  t.same(await fixture.anomalies(), NO_ANOMALIES)
  const { rowCount } = await fixture.pool.query('SELECT FROM outbox_dead_letters')
  t.equal(rowCount, 0, 'no outage makes a dead letter')
})

t.test('Postgres is away when the relay starts', async (t) => {
  const fixture = await RelayFixture.create(t)
  await fixture.post(...AGGREGATES)
  const { service, postgres } = await fixture.relay('relay', {}, (postgres) => { postgres.cut() })
  t.equal(await status(`${service.ops}/livez`), 200)
  t.equal(await status(`${service.ops}/readyz`), 503)
  postgres.heal()
  await fixture.published()
  t.equal(await status(`${service.ops}/readyz`), 200)
  t.same(await fixture.anomalies(), NO_ANOMALIES)
})

t.test('a relay that is told to stop during an outage stops within its deadline', async (t) => {
  // They wait for timeouts most of the time.
  t.jobs = 4
  const outages = [['Kafka', 'cut'], ['Kafka', 'hang'], ['Kafka and Postgres', 'cut'], ['Kafka and Postgres', 'hang']] as const
  for (const [away, how] of outages) {
    void t.test(`${away} (${how})`, { buffered: true }, async (t) => {
      const fixture = await RelayFixture.create(t, { settings: { RELAY_SEND_DEADLINE_MS: '2000' } })
      const kafka = await TcpProxy.start(fixture.brokers)
      t.teardown(() => kafka.close())
      const { service, postgres } = await fixture.relay('relay', { KAFKA_BROKERS: kafka.address })
      await fixture.post(...AGGREGATES)
      await fixture.published()
      kafka[how]()
      if (away !== 'Kafka') postgres[how]()
      await fixture.post(...AGGREGATES)
      service.kill('SIGTERM')
      t.equal(await service.exited(), 0)
    })
  }
  void t.test('Postgres, which was never reachable', { buffered: true }, async (t) => {
    const fixture = await RelayFixture.create(t)
    const { service } = await fixture.relay('relay', {}, (postgres) => { postgres.hang() })
    service.kill('SIGTERM')
    t.equal(await service.exited(), 0)
  })
})
