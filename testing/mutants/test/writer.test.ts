import { openPlainPublisher } from '@orders/kafka'
import { encodeCloudEvent } from '@orders/contracts/cloud-events'
import { convict } from '../mutant-test.ts'
import { startRelay } from '../relay-parts.ts'
import { enqueueChange, Stage, type Enqueue } from '../fixture.ts'

/** Ends the session that this transaction runs in, so that nothing of it is committed. */
const killSession = (stage: Stage): Enqueue => async (client) => {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  await stage.admin.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
}

convict({
  mutant: 'a commit without its outbox row',
  fault: 'nothing else',
  convictedBy: ['I2', 'I17'],
  async play (t, mutated) {
    const stage = await Stage.open(t)
    const relay = startRelay(t, stage)
    await stage.place('create')
    const order = await stage.place('create')
    await stage.place('confirm', order?.id, mutated ? async () => {} : enqueueChange)
    await stage.untilOutboxIsEmpty()
    await relay.stop()
    return stage
  }
})

convict({
  mutant: 'an event is published before the commit',
  fault: 'the session is lost before it commits',
  convictedBy: ['I4'],
  async play (t, mutated) {
    const stage = await Stage.open(t)
    const publisher = await openPlainPublisher(stage.connection, { sendDeadlineMs: 5_000 })
    t.teardown(() => publisher.close())
    await stage.place('create', undefined, async (client, order, eventType) => {
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
        await publisher.publish([{ topic: stage.topic, key, value, headers }])
      }
      await killSession(stage)(client, order, eventType)
    })
    const relay = startRelay(t, stage)
    await stage.place('create')
    await stage.untilOutboxIsEmpty()
    await relay.stop()
    return stage
  }
})

convict({
  mutant: 'an order is acknowledged before the commit',
  fault: 'the session is lost before it commits',
  convictedBy: ['I1', 'I17'],
  async play (t, mutated) {
    const stage = await Stage.open(t)
    await stage.place('create', undefined, async (client, order, eventType) => {
      await enqueueChange(client, order, eventType)
      if (mutated) stage.begin('create', order.id)('ok', order)
      await killSession(stage)(client, order, eventType)
    })
    const relay = startRelay(t, stage)
    await stage.place('create')
    await stage.untilOutboxIsEmpty()
    await relay.stop()
    return stage
  }
})
