import { until, type TcpProxy } from '@orders/testing/framework'
import t from 'tap'
import { brokerBehindProxy } from './stage/broker.ts'
import { catchOnce, kafkaRequest, type Api } from './stage/requests.ts'
import { EXACTLY_ONCE, Stage } from './stage/stage.ts'

const AGGREGATES = ['a', 'b', 'c', 'd', 'e']

/** Posts until an answer, or a request, is lost, and on until a take-over has followed. @returns what lets a lost request arrive */
async function lose (what: 'answer' | 'request', api: Api, stage: Stage, proxy: TcpProxy): Promise<() => void> {
  const arrival = Promise.withResolvers<'forward'>()
  let lost = false
  proxy.filter(catchOnce(kafkaRequest(api, 'relay'), what, () => {
    lost = true
    return what === 'answer' ? 'swallow' : arrival.promise
  }))
  const epoch = await stage.epoch()
  await until(async () => {
    await stage.post(...AGGREGATES)
    return lost && await stage.epoch() > epoch
  }, { what: `a take-over after a lost ${what} of ${api}` })
  return () => { arrival.resolve('forward') }
}

t.test('whatever is lost between relay and broker, every event is published exactly once and in order', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const stage = await Stage.set(t, { kafka: broker, settings: { RELAY_LEASE: 'none', RELAY_SEND_DEADLINE_MS: '1000' } })
  const { service } = await stage.relay('relay')

  for (const api of ['AddPartitionsToTxn', 'TxnOffsetCommit', 'Produce', 'EndTxn'] as const) {
    await t.test(`the answer to ${api}`, async (t) => {
      await lose('answer', api, stage, proxy)
      await stage.published()
      t.same(await stage.verdict(), EXACTLY_ONCE)
    })
  }

  await t.test('the answer to InitProducerId, in a take-over', async (t) => {
    await Promise.all([lose('answer', 'InitProducerId', stage, proxy), service.restart()])
    await stage.published()
    t.same(await stage.verdict(), EXACTLY_ONCE)
  })

  for (const api of ['TxnOffsetCommit', 'Produce', 'EndTxn'] as const) {
    await t.test(`a request ${api}, which arrives after the take-over`, async (t) => {
      const arrive = await lose('request', api, stage, proxy)
      await stage.published()
      arrive()
      await stage.post(...AGGREGATES)
      await stage.published()
      t.same(await stage.verdict(), EXACTLY_ONCE)
    })
  }
})
