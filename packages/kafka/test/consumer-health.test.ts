import { EventEmitter } from 'node:events'
import type { Consumer } from 'kafkajs'
import t from 'tap'
import { ConsumerHealth } from '../src/consumer/consumer-health.ts'

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

/** Only the events: what kafkajs does when it falls silent cannot be made on purpose. */
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

t.test('alive: something happened lately; longer than a rebalance may take, and it is dead', async (t) => {
  const { health, emit, pass } = watched()
  pass(110_000)
  health.assertAlive()
  pass(1)
  t.throws(() => { health.assertAlive() }, /expected a sign of life every 110000 ms, the last was 110001 ms ago/)
  for (const event of ['FETCH', 'END_BATCH_PROCESS', 'GROUP_JOIN', 'REBALANCING', 'CONNECT', 'CRASH', 'REQUEST_TIMEOUT'] as const) {
    emit(event)
    health.assertAlive()
    pass(110_001)
    t.throws(() => { health.assertAlive() })
  }
  health.sign()
  health.assertAlive()
})

t.test('a heartbeat is no sign of life: it goes on while a handler hangs', async (t) => {
  const { health, emit, pass } = watched()
  pass(110_001)
  emit('HEARTBEAT')
  t.throws(() => { health.assertAlive() })
})

t.test('ready once it has joined, also while Kafka is away later; a member only while it is one', async (t) => {
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
