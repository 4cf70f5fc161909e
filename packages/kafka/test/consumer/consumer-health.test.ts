import { EventEmitter } from 'node:events'
import t from 'tap'
import { ConsumerHealth } from '../../src/consumer/consumer-health.ts'
import type { Consumer } from '../../src/kafkajs/index.ts'

const EVENTS = {
  HEARTBEAT: 'heartbeat',
  FETCH: 'fetch',
  END_BATCH_PROCESS: 'end',
  GROUP_JOIN: 'join',
  REBALANCING: 'rebalancing',
  CONNECT: 'connect',
  CRASH: 'crash',
  DISCONNECT: 'disconnect',
  STOP: 'stop',
  REQUEST_TIMEOUT: 'timeout'
}

/** Events only: a kafkajs that stops consuming without an error cannot be produced on purpose. */
function watched (): { emit: (event: keyof typeof EVENTS) => void, health: ConsumerHealth, pass: (ms: number) => void } {
  const emitter = new EventEmitter()
  const consumer = { on: emitter.on.bind(emitter), events: EVENTS } as unknown as Pick<Consumer, 'on' | 'events'>
  let now = 0
  return {
    health: new ConsumerHealth(consumer, 20_000, () => now),
    emit: (event) => { emitter.emit(EVENTS[event]) },
    pass: (ms) => { now += ms }
  }
}

t.test('alive while there was activity within the limit, which is longer than a rebalance may take', async (t) => {
  const { health, emit, pass } = watched()
  pass(110_000)
  health.assertAlive()
  pass(1)
  t.throws(() => { health.assertAlive() }, /expected activity of the consumer every 110000 ms, found none for 110001 ms/)
  for (const event of ['FETCH', 'END_BATCH_PROCESS', 'GROUP_JOIN', 'REBALANCING', 'CONNECT', 'CRASH', 'REQUEST_TIMEOUT'] as const) {
    emit(event)
    health.assertAlive()
    pass(110_001)
    t.throws(() => { health.assertAlive() })
  }
  health.markActive()
  health.assertAlive()
})

t.test('a heartbeat is not activity: heartbeats go on while a handler hangs', async (t) => {
  const { health, emit, pass } = watched()
  pass(110_001)
  emit('HEARTBEAT')
  t.throws(() => { health.assertAlive() })
})

t.test('ready from the first join on, also in a later outage of Kafka; a member only while joined', async (t) => {
  const { health, emit } = watched()
  t.throws(() => { health.assertJoined() }, /not yet a member/)
  t.equal(health.member, false)
  emit('GROUP_JOIN')
  t.equal(health.member, true)
  for (const event of ['CRASH', 'DISCONNECT', 'STOP'] as const) {
    emit('GROUP_JOIN')
    emit(event)
    t.equal(health.member, false)
    health.assertJoined()
  }
})
