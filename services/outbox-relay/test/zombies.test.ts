import t from 'tap'
import { brokerBehindProxy } from './stage/broker.ts'
import type { Moment } from './stage/interrupt.ts'
import { kafkaRequest, statement } from './stage/requests.ts'
import { EXACTLY_ONCE, Stage } from './stage/stage.ts'
import { AGGREGATES, makeZombie, SHORT_LEASE } from './stage/zombie.ts'

/** The loop, one request after the other. */
const MOMENTS: Moment[] = [
  { when: 'before the claim', link: 'postgres', request: () => statement('outbox_claim'), at: 'request' },
  { when: 'after the claim', link: 'postgres', request: () => statement('outbox_claim'), at: 'answer' },
  { when: 'with the position in its transaction', link: 'kafka', request: (relay) => kafkaRequest('TxnOffsetCommit', relay), at: 'answer' },
  { when: 'before the send', link: 'kafka', request: (relay) => kafkaRequest('Produce', relay), at: 'request' },
  { when: 'after the send', link: 'kafka', request: (relay) => kafkaRequest('Produce', relay), at: 'answer' },
  { when: 'before the commit', link: 'kafka', request: (relay) => kafkaRequest('EndTxn', relay), at: 'request' },
  { when: 'after the commit', link: 'kafka', request: (relay) => kafkaRequest('EndTxn', relay), at: 'answer' },
  { when: 'before the complete', link: 'postgres', request: () => statement('outbox_complete'), at: 'request' },
  { when: 'after the complete', link: 'postgres', request: () => statement('outbox_complete'), at: 'answer' }
]

t.test('a leader that was frozen and wakes up behind its successor does no harm, and can lead again', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const stage = await Stage.set(t, { kafka: broker, settings: SHORT_LEASE })
  const relays = await Promise.all([stage.relay('one'), stage.relay('two')])

  for (const moment of MOMENTS) {
    await t.test(`frozen ${moment.when}`, async (t) => {
      await stage.post(...AGGREGATES)
      await stage.published()
      const [zombie, successor] = await stage.leader() === 'one' ? relays : [relays[1], relays[0]]
      await makeZombie(moment, { stage, kafka: proxy, zombie, successor, meanwhile: () => stage.post(...AGGREGATES) })
      t.equal(await stage.leader(), successor.name)
      t.same(await stage.verdict(), EXACTLY_ONCE)
    })
  }
})
