import { Kafka } from '../../servers/index.ts'
import { TcpProxy } from '../../framework/index.ts'
import { createAdmin } from '@orders/kafka'
import { complete, NO_EVENTS } from '@orders/outbox'
import t from 'tap'
import { testMutant } from '../mutant-test.ts'
import { Gate } from '../gate.ts'
import { startRelay } from '../relay-parts.ts'
import { changePublish } from '../seams.ts'
import { Fixture } from '../fixture.ts'

// The broker has to advertise the proxy: else clients go around it.
const link = await TcpProxy.start()
const server = await Kafka.start({ advertise: link.address })
link.forwardTo(server.address)
t.teardown(async () => {
  await server.close()
  await link.close()
})

testMutant({
  mutant: 'events are deleted before Kafka acknowledged them',
  fault: 'Kafka cannot be reached',
  breaks: ['I3'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t, { server })
    await fixture.place('create')
    const [gate, failure] = [new Gate(), new Gate()]
    const relay = startRelay(t, fixture, {
      throughDelivery: (delivery, db) => changePublish(delivery, async (term, batch) => {
        if (mutated) await complete(db, term.fence, batch)
        await gate.pass()
        try {
          await term.publish(batch)
        } catch (error) {
          await failure.pass()
          throw error
        }
      })
    })
    await gate.arrived
    link.cut()
    gate.open()
    await failure.arrived
    link.heal()
    failure.open()
    await fixture.place('create')
    await fixture.untilOutboxIsEmpty()
    await relay.stop()
    return fixture
  }
})

testMutant({
  mutant: 'a batch is sent while the one before is not acknowledged yet',
  fault: 'the first one is lost on its way',
  breaks: ['I7'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t, { server, delivery: 'at-least-once' })
    const order = await fixture.place('create')
    await fixture.place('confirm', order?.id)
    let lost = false
    link.filter((chunk, direction) => {
      if (lost || direction !== 'toServer' || !chunk.includes('OrderCreated')) return 'forward'
      lost = true
      return 'swallow'
    })
    const sent: Array<Promise<void>> = []
    const relay = startRelay(t, fixture, {
      delivery: 'at-least-once',
      batchEvents: 1,
      throughDelivery: (delivery, db) => changePublish(delivery, async (term, batch) => {
        if (!mutated) {
          await term.publish(batch)
          return
        }
        // Each over a connection of its own, and repeated until it has arrived: nothing is lost, but the order changes.
        sent.push((async () => {
          for (;;) {
            const own = await delivery.begin({ fence: term.fence, batch: 0n, token: '', tokenBefore: '', outstanding: undefined })
            try {
              await own.publish(batch, NO_EVENTS)
              return
            } catch {
              // Sent again over the next one.
            } finally {
              await own.close()
            }
          }
        })())
        await complete(db, term.fence, batch)
      })
    })
    await fixture.untilOutboxIsEmpty()
    await Promise.all(sent)
    await relay.stop()
    link.filter(() => 'forward')
    return fixture
  }
})

testMutant({
  mutant: 'an idempotent producer is used again after a failure',
  fault: 'an answer of Kafka is lost, and another event comes first',
  breaks: ['I3'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t, { server, delivery: 'at-least-once' })
    const admin = await createAdmin(fixture.connection)
    t.teardown(() => admin.close())
    const producer = mutated ? await admin.openRawProducer({ idempotent: true, retries: 1 }) : undefined
    t.teardown(() => producer?.close())
    const slow = await fixture.placeSlowly()
    await fixture.place('create')
    const answer = new Gate()
    let lost = false
    const relay = startRelay(t, fixture, {
      delivery: 'at-least-once',
      batchEvents: 1,
      throughDelivery: (delivery, db) => changePublish(delivery, async (term, batch) => {
        const publish = () => producer === undefined ? term.publish(batch) : producer.send(fixture.topic, batch.records)
        if (!lost) {
          lost = true
          // The answer vanishes, and the connection with it: so the failure is known at once.
          link.filter(swallowAnswerOf(PRODUCE, () => { link.cut() }))
          try {
            await publish()
          } finally {
            link.heal()
            await answer.pass()
          }
        }
        await publish()
        // It trusts the answer, as the relay does, which completes a batch with the next one.
        if (mutated) await complete(db, term.fence, batch)
      })
    })
    await answer.arrived
    await slow.commit()
    answer.open()
    await fixture.untilOutboxIsEmpty()
    await relay.stop()
    return fixture
  }
})

// https://kafka.apache.org/protocol#protocol_api_keys
const PRODUCE = 0

/** A request is length, api key, version, correlation id; its answer begins with length and correlation id. */
function swallowAnswerOf (apiKey: number, onSwallow: () => void) {
  const awaited = new Set<number>()
  return (chunk: Buffer, direction: 'toServer' | 'toClient'): 'forward' | 'swallow' => {
    if (chunk.length < 12) return 'forward'
    if (direction === 'toServer' && chunk.readInt16BE(4) === apiKey) awaited.add(chunk.readInt32BE(8))
    if (direction === 'toServer' || !awaited.delete(chunk.readInt32BE(4))) return 'forward'
    onSwallow()
    return 'swallow'
  }
}
