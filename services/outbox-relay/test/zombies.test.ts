import t from 'tap'
import { brokerBehindProxy } from './fixture/broker.ts'
import type { Moment } from '@orders/testing/faults/interrupt'
import { kafkaRequest, statement } from '@orders/testing/faults/requests'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'
import { AGGREGATES, makeZombie, SHORT_LEASE } from './fixture/zombie.ts'

/** The requests of the publish loop, in order. */
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
  const fixture = await RelayFixture.create(t, { kafka: broker, settings: SHORT_LEASE })
  const relays = await Promise.all([fixture.relay('one'), fixture.relay('two')])

  for (const moment of MOMENTS) {
    await t.test(`frozen ${moment.when}`, async (t) => {
      await fixture.post(...AGGREGATES)
      await fixture.published()
      const [zombie, successor] = await fixture.leader() === 'one' ? relays : [relays[1], relays[0]]
      await makeZombie(moment, { fixture, kafka: proxy, zombie, successor, meanwhile: () => fixture.post(...AGGREGATES) })
      t.equal(await fixture.leader(), successor.name)
      t.same(await fixture.anomalies(), NO_ANOMALIES)
    })
  }
})
