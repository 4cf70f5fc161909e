import { until, type TcpProxy } from '@orders/testing/framework'
import t from 'tap'
import { brokerBehindProxy } from './fixture/broker.ts'
import { catchOnce, kafkaRequest, type Api } from '@orders/testing/faults/requests'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'

const AGGREGATES = ['a', 'b', 'c', 'd', 'e']

/** Posts until an answer or a request is lost, and a takeover has followed. @returns a function that lets a lost request arrive */
async function lose (what: 'answer' | 'request', api: Api, fixture: RelayFixture, proxy: TcpProxy): Promise<() => void> {
  const arrival = Promise.withResolvers<'forward'>()
  let lost = false
  proxy.filter(catchOnce(kafkaRequest(api, 'relay'), what, () => {
    lost = true
    return what === 'answer' ? 'swallow' : arrival.promise
  }))
  const epoch = await fixture.epoch()
  await until(async () => {
    await fixture.post(...AGGREGATES)
    return lost && await fixture.epoch() > epoch
  }, { what: `a takeover after a lost ${what} of ${api}` })
  return () => { arrival.resolve('forward') }
}

t.test('whichever message between relay and broker is lost, every event is published exactly once and in order', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const fixture = await RelayFixture.create(t, { kafka: broker, settings: { RELAY_LEASE: 'none', RELAY_SEND_DEADLINE_MS: '1000' } })
  const { service } = await fixture.relay('relay')

  for (const api of ['AddPartitionsToTxn', 'TxnOffsetCommit', 'Produce', 'EndTxn'] as const) {
    await t.test(`the answer to ${api}`, async (t) => {
      await lose('answer', api, fixture, proxy)
      await fixture.published()
      t.same(await fixture.anomalies(), NO_ANOMALIES)
    })
  }

  await t.test('the answer to InitProducerId, in a takeover', async (t) => {
    await Promise.all([lose('answer', 'InitProducerId', fixture, proxy), service.restart()])
    await fixture.published()
    t.same(await fixture.anomalies(), NO_ANOMALIES)
  })

  for (const api of ['TxnOffsetCommit', 'Produce', 'EndTxn'] as const) {
    await t.test(`a request ${api}, which arrives after the takeover`, async (t) => {
      const arrive = await lose('request', api, fixture, proxy)
      await fixture.published()
      arrive()
      await fixture.post(...AGGREGATES)
      await fixture.published()
      t.same(await fixture.anomalies(), NO_ANOMALIES)
    })
  }
})
