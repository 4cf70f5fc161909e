import { until } from '@orders/testing/framework'
import t from 'tap'
import { brokerBehindProxy } from './stage/broker.ts'
import { cutOffFromKafka } from './stage/requests.ts'
import { EXACTLY_ONCE, Stage } from './stage/stage.ts'

const AGGREGATES = ['a', 'b', 'c', 'd', 'e']

t.test('a leader that alone has lost Kafka gives its shard up, and the other one publishes', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const stage = await Stage.set(t, { kafka: broker, settings: { RELAY_SEND_DEADLINE_MS: '700', RELAY_PROGRESS_DEADLINE_MS: '1000' } })
  const relays = await Promise.all([stage.relay('one'), stage.relay('two')])
  const leader = await until(async () => {
    const name = await stage.leader()
    return relays.find((relay) => relay.name === name)
  }, { what: 'a leader' })
  await stage.post(...AGGREGATES)
  await stage.published()

  proxy.filter(cutOffFromKafka(leader.name))
  await stage.post(...AGGREGATES)
  await stage.published()
  t.not(await stage.leader(), leader.name)
  t.ok(leader.service.logs.some(({ event, err }) => event === 'publishing_ended' && /RELAY_PROGRESS_DEADLINE_MS/.test(JSON.stringify(err))))
  t.same(await stage.verdict(), EXACTLY_ONCE)
})
