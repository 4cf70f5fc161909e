import t from 'tap'
import { brokerBehindProxy } from './stage/broker.ts'
import { interrupt, type Moment } from './stage/interrupt.ts'
import { kafkaRequest, statement } from './stage/requests.ts'
import { EXACTLY_ONCE, Stage } from './stage/stage.ts'
import { AGGREGATES, makeZombie, SHORT_LEASE } from './stage/zombie.ts'

const CLAIMED: Moment = { when: 'after the claim', link: 'postgres', request: () => statement('outbox_claim'), at: 'answer' }
const COMMITTED: Moment = { when: 'after the commit', link: 'kafka', request: (relay) => kafkaRequest('EndTxn', relay), at: 'answer' }

/** A take-over, one request after the other; `killed` is when its predecessor came to its end. */
const MOMENTS: Array<Moment & { killed: Moment }> = [
  { when: 'with the epoch raised', link: 'postgres', request: () => statement('INSERT INTO relay_shard'), at: 'answer', killed: CLAIMED },
  { when: 'before Kafka knows of it', link: 'kafka', request: (relay) => kafkaRequest('InitProducerId', relay), at: 'request', killed: CLAIMED },
  { when: 'with the former producer fenced', link: 'kafka', request: (relay) => kafkaRequest('InitProducerId', relay), at: 'answer', killed: CLAIMED },
  { when: 'before it looks whether the shard is its own', link: 'postgres', request: () => statement('outbox_assert_held'), at: 'request', killed: COMMITTED },
  { when: 'before it completes the batch that was in flight', link: 'postgres', request: () => statement('outbox_complete'), at: 'request', killed: COMMITTED },
  { when: 'before it drops the claim that was outstanding', link: 'postgres', request: () => statement('greatest(batch'), at: 'request', killed: CLAIMED }
]

t.test('a relay that was frozen while it took over does no harm', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const stage = await Stage.set(t, { kafka: broker, settings: SHORT_LEASE })
  const relays = await Promise.all([stage.relay('one'), stage.relay('two')])

  for (const { killed, ...moment } of MOMENTS) {
    await t.test(`killed ${killed.when}, its successor frozen ${moment.when}`, async (t) => {
      await stage.post(...AGGREGATES)
      await stage.published()
      const [leader, standby] = await stage.leader() === 'one' ? relays : [relays[1], relays[0]]
      const kill = async () => {
        await interrupt(killed, { relay: leader, kafka: proxy, signal: 'SIGKILL', meanwhile: () => stage.post(...AGGREGATES) })
        await leader.service.exited()
        await leader.service.start()
      }
      await Promise.all([
        makeZombie(moment, { stage, kafka: proxy, zombie: standby, successor: leader, meanwhile: async () => {} }),
        kill()
      ])
      t.same(await stage.verdict(), EXACTLY_ONCE)
    })
  }
})
