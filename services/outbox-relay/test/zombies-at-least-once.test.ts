import t from 'tap'
import { brokerBehindProxy } from './fixture/broker.ts'
import type { Moment } from '@orders/testing/faults/interrupt'
import { kafkaRequest, statement } from '@orders/testing/faults/requests'
import { RelayFixture } from './fixture/relay-fixture.ts'
import { AGGREGATES, makeZombie, SHORT_LEASE } from './fixture/zombie.ts'

const MOMENTS: Moment[] = [
  { when: 'before the send', link: 'kafka', request: (relay) => kafkaRequest('Produce', relay), at: 'request' },
  { when: 'after the send', link: 'kafka', request: (relay) => kafkaRequest('Produce', relay), at: 'answer' },
  { when: 'before the complete', link: 'postgres', request: () => statement('outbox_complete'), at: 'request' }
]

t.test('at least once: behind a zombie nothing is lost, and the first copies are in order', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const fixture = await RelayFixture.create(t, { kafka: broker, settings: { ...SHORT_LEASE, RELAY_DELIVERY: 'at-least-once' } })
  const relays = await Promise.all([fixture.relay('one'), fixture.relay('two')])

  for (const moment of MOMENTS) {
    await t.test(`frozen ${moment.when}`, async (t) => {
      await fixture.post(...AGGREGATES)
      await fixture.published()
      const [zombie, successor] = await fixture.leader() === 'one' ? relays : [relays[1], relays[0]]
      await makeZombie(moment, { fixture, kafka: proxy, zombie, successor, meanwhile: () => fixture.post(...AGGREGATES) })
      const { lost, twice, outOfOrder } = await fixture.anomalies()
      t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
      t.ok(twice.length > 0, 'and the batch in flight was published twice')
    })
  }
})
