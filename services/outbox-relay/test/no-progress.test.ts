import { until } from '@orders/testing/framework'
import t from 'tap'
import { brokerBehindProxy } from './fixture/broker.ts'
import { cutOffFromKafka } from '@orders/testing/faults/requests'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'

const AGGREGATES = ['a', 'b', 'c', 'd', 'e']

t.test('a leader that alone cannot reach Kafka gives its shard up, and the other relay publishes', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const fixture = await RelayFixture.create(t, { kafka: broker, settings: { RELAY_SEND_DEADLINE_MS: '700', RELAY_PROGRESS_DEADLINE_MS: '1000' } })
  const relays = await Promise.all([fixture.relay('one'), fixture.relay('two')])
  const leader = await until(async () => {
    const name = await fixture.leader()
    return relays.find((relay) => relay.name === name)
  }, { what: 'a leader' })
  await fixture.post(...AGGREGATES)
  await fixture.published()

  proxy.filter(cutOffFromKafka(leader.name))
  await fixture.post(...AGGREGATES)
  await fixture.published()
  t.not(await fixture.leader(), leader.name)
  t.ok(leader.service.logs.some(({ event, err }) => event === 'publishing_ended' && /RELAY_PROGRESS_DEADLINE_MS/.test(JSON.stringify(err))))
  t.same(await fixture.anomalies(), NO_ANOMALIES)
})
