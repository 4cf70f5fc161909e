import { openPlainPublisher } from '@orders/kafka'
import { encodeCloudEvent } from '@orders/contracts/cloud-events'
import { testMutant } from '../mutant-test.ts'
import { startRelay } from '../relay-parts.ts'
import { enqueueChange, Fixture, type Enqueue } from '../fixture.ts'

/** Ends the session that this transaction runs in, so that nothing of it is committed. */
const killSession = (fixture: Fixture): Enqueue => async (client) => {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  await fixture.admin.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
}

testMutant({
  mutant: 'a commit without its outbox row',
  fault: 'nothing else',
  breaks: ['I2', 'I17'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    const relay = startRelay(t, fixture)
    await fixture.place('create')
    const order = await fixture.place('create')
    await fixture.place('confirm', order?.id, mutated ? async () => {} : enqueueChange)
    await fixture.untilOutboxIsEmpty()
    await relay.stop()
    return fixture
  }
})

testMutant({
  mutant: 'an event is published before the commit',
  fault: 'the session is lost before it commits',
  breaks: ['I4'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    const publisher = await openPlainPublisher(fixture.connection, { sendDeadlineMs: 5_000 })
    t.teardown(() => publisher.close())
    await fixture.place('create', undefined, async (client, order, eventType) => {
      await enqueueChange(client, order, eventType)
      if (mutated) {
        const { key, value, headers } = encodeCloudEvent({
          id: order.id,
          type: eventType,
          time: order.createdAt,
          aggregateType: 'order',
          aggregateId: order.id,
          aggregateVersion: String(order.version),
          data: JSON.stringify({ orderId: order.id, customerId: order.customerId })
        }, { source: '/test' })
        await publisher.publish([{ topic: fixture.topic, key, value, headers }])
      }
      await killSession(fixture)(client, order, eventType)
    })
    const relay = startRelay(t, fixture)
    await fixture.place('create')
    await fixture.untilOutboxIsEmpty()
    await relay.stop()
    return fixture
  }
})

testMutant({
  mutant: 'an order is acknowledged before the commit',
  fault: 'the session is lost before it commits',
  breaks: ['I1', 'I17'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    await fixture.place('create', undefined, async (client, order, eventType) => {
      await enqueueChange(client, order, eventType)
      if (mutated) fixture.begin('create', order.id)('ok', order)
      await killSession(fixture)(client, order, eventType)
    })
    const relay = startRelay(t, fixture)
    await fixture.place('create')
    await fixture.untilOutboxIsEmpty()
    await relay.stop()
    return fixture
  }
})
