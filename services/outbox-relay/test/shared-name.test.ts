import { until } from '@orders/testing/framework'
import t from 'tap'
import { RelayFixture } from './fixture/relay-fixture.ts'

t.test('two databases share a name on one Kafka: nothing is lost, and a relay reports it and pauses', async (t) => {
  const one = await RelayFixture.create(t)
  const two = await RelayFixture.create(t, { settings: { RELAY_NAME: one.relayName, RELAY_DEFAULT_TOPIC: one.topic } })
  const relays = await Promise.all([one.relay('one'), two.relay('two')])
  const steppedDown = () => relays.some(({ service: { logs } }) => logs.some(({ err }) => {
    const { code, message = '' } = (err ?? {}) as { code?: string, message?: string }
    return code === 'RELAY_NAME_SHARED' && message.includes(one.relayName)
  }))
  await until(async () => {
    await Promise.all([one.post('a', 'b'), two.post('c', 'd')])
    return steppedDown()
  }, { what: 'a relay to step down', deadlineMs: 120_000 })
  await Promise.all([one.published({ deadlineMs: 120_000 }), two.published({ deadlineMs: 120_000 })])
  const { lost, outOfOrder } = await one.anomalies()
  t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
  const other = await two.anomalies({ topic: one.topic })
  t.same(other.lost, [])
})
