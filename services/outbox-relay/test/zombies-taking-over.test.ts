import t from 'tap'
import { brokerBehindProxy } from './fixture/broker.ts'
import { interrupt, type Moment } from '@orders/testing/faults/interrupt'
import { kafkaRequest, statement } from '@orders/testing/faults/requests'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'
import { AGGREGATES, CLAIMED, COMMITTED, makeZombie, SHORT_LEASE } from './fixture/zombie.ts'

/** The requests of a takeover, in order; `killed` is when the leader before was killed. */
const MOMENTS: Array<Moment & { killed: Moment }> = [
  { when: 'with the epoch raised', link: 'postgres', request: () => statement('UPDATE relay_shard AS s'), at: 'answer', killed: CLAIMED },
  { when: 'before Kafka knows of it', link: 'kafka', request: (relay) => kafkaRequest('InitProducerId', relay), at: 'request', killed: CLAIMED },
  { when: 'with the former producer fenced', link: 'kafka', request: (relay) => kafkaRequest('InitProducerId', relay), at: 'answer', killed: CLAIMED },
  { when: 'before it looks whether the shard is its own', link: 'postgres', request: () => statement('outbox_assert_held'), at: 'request', killed: COMMITTED },
  { when: 'before it completes the batch that was in flight', link: 'postgres', request: () => statement('outbox_complete'), at: 'request', killed: COMMITTED },
  { when: 'before it drops the claim that was outstanding', link: 'postgres', request: () => statement('greatest(batch'), at: 'request', killed: CLAIMED }
]

t.test('a relay that was frozen while it took over does no harm', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const fixture = await RelayFixture.create(t, { kafka: broker, settings: SHORT_LEASE })
  const relays = await Promise.all([fixture.relay('one'), fixture.relay('two')])

  for (const { killed, ...moment } of MOMENTS) {
    await t.test(`killed ${killed.when}, its successor frozen ${moment.when}`, async (t) => {
      await fixture.post(...AGGREGATES)
      await fixture.published()
      const [leader, standby] = await fixture.leader() === 'one' ? relays : [relays[1], relays[0]]
      const kill = async () => {
        await interrupt(killed, { relay: leader, kafka: proxy, signal: 'SIGKILL', meanwhile: () => fixture.post(...AGGREGATES) })
        await leader.service.exited()
        await leader.service.start()
      }
      await Promise.all([
        makeZombie(moment, { fixture, kafka: proxy, zombie: standby, successor: leader, meanwhile: async () => {} }),
        kill()
      ])
      t.same(await fixture.anomalies(), NO_ANOMALIES)
    })
  }
})
