import t from 'tap'
import { brokerBehindProxy } from './stage/broker.ts'
import type { Moment } from './stage/interrupt.ts'
import { kafkaRequest, statement } from './stage/requests.ts'
import { Stage } from './stage/stage.ts'
import { AGGREGATES, makeZombie, SHORT_LEASE } from './stage/zombie.ts'

const MOMENTS: Moment[] = [
  { when: 'before the send', link: 'kafka', request: (relay) => kafkaRequest('Produce', relay), at: 'request' },
  { when: 'after the send', link: 'kafka', request: (relay) => kafkaRequest('Produce', relay), at: 'answer' },
  { when: 'before the complete', link: 'postgres', request: () => statement('outbox_complete'), at: 'request' }
]

t.test('at least once: behind a zombie nothing is lost, and the first copies are in order', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const stage = await Stage.set(t, { kafka: broker, settings: { ...SHORT_LEASE, RELAY_DELIVERY: 'at-least-once' } })
  const relays = await Promise.all([stage.relay('one'), stage.relay('two')])

  for (const moment of MOMENTS) {
    await t.test(`frozen ${moment.when}`, async (t) => {
      await stage.post(...AGGREGATES)
      await stage.published()
      const [zombie, successor] = await stage.leader() === 'one' ? relays : [relays[1], relays[0]]
      await makeZombie(moment, { stage, kafka: proxy, zombie, successor, meanwhile: () => stage.post(...AGGREGATES) })
      const { lost, twice, outOfOrder } = await stage.verdict()
      t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
      t.ok(twice.length > 0, 'and what it had in its hands came twice')
    })
  }
})
