import type { OrderEventType, OrderStatus } from '@orders/contracts'
import type { StoredRecord } from '@orders/kafka'
import t from 'tap'
import type { AcceptedOrder } from '../../traffic/order-load.ts'
import type { StoredOrder } from '../observation/stored-orders.ts'
import { isClean, judge, placeOf, type AppliedEffect, type ByOthers, type Effect, type Evidence, type Verdict } from '../observation/verdict.ts'

const TYPE_OF: Readonly<Record<OrderStatus, OrderEventType>> = {
  PENDING: 'OrderCreated', CONFIRMED: 'OrderConfirmed', SHIPPED: 'OrderShipped', DELIVERED: 'OrderDelivered', CANCELLED: 'OrderCancelled'
}
const ACCEPTED: readonly AcceptedOrder[] = [
  accepted('a', ['PENDING', 'CONFIRMED', 'SHIPPED']),
  accepted('b', ['PENDING', 'CANCELLED'])
]
const NOBODY: ByOthers = { orders: 0, changes: 0, events: 0, records: 0, displaced: 0 }

function accepted (orderId: string, statuses: OrderStatus[]): AcceptedOrder {
  return { orderId, changes: statuses.map((status, index) => ({ version: index + 1, status })) }
}

/** By default each event has the id that its order and version make. */
function record ({ orderId, version, status, eventId = `${orderId}-${version}` }: Effect & { eventId?: string }, partition = 0): StoredRecord {
  const headers = {
    ce_id: eventId, ce_subject: orderId, ce_aggregatetype: 'order', ce_aggregateversion: String(version), ce_type: TYPE_OF[status as OrderStatus]
  }
  return { topic: 'order-events', partition, offset: 0n, key: orderId, value: null, headers, timestamp: 0, transactional: true }
}

function foreign (effect: Effect & { eventId?: string }): StoredRecord {
  return { ...record(effect), transactional: false }
}

const garbage: StoredRecord = { ...record({ orderId: '', version: 0, status: '' }), headers: {}, offset: 77n, transactional: false }

/** What a run leaves behind when all went well. */
function evidence () {
  const effects: AppliedEffect[] = ACCEPTED.flatMap(({ orderId, changes }) =>
    changes.map(({ version, status }) => ({ orderId, version, status, eventId: `${orderId}-${version}` })))
  const stored: StoredOrder[] = [{ orderId: 'a', version: 3, status: 'SHIPPED' }, { orderId: 'b', version: 2, status: 'CANCELLED' }]
  return {
    accepted: [...ACCEPTED],
    unanswered: 0,
    stored,
    storedAfter: [...stored],
    records: effects.map((effect) => record(effect)),
    refused: new Set<string>(),
    effects,
    effectsCounted: effects.length,
    views: stored.map((order): Effect => ({ ...order })),
    delivery: 'exactly-once' as Evidence['delivery']
  }
}

type Run = ReturnType<typeof evidence>

/** Somebody's event, all the way. */
function carry (run: Run, ...events: Array<Effect & { eventId?: string, from?: typeof record }>): void {
  for (const { orderId, version, status, eventId = `${orderId}-${version}`, from = record } of events) {
    const effect = { orderId, version, status, eventId }
    run.records.push(from(effect))
    apply(run, effect)
  }
}

function apply (run: Run, effect: AppliedEffect): void {
  run.effects.push(effect)
  run.effectsCounted++
  run.views = [...run.views.filter(({ orderId }) => orderId !== effect.orderId), effect]
}

function store (run: Run, order: StoredOrder): void {
  run.stored = [...run.stored.filter(({ orderId }) => orderId !== order.orderId), order]
  run.storedAfter = run.stored
}

/** An order that somebody placed with curl, and cancelled. */
function placeByHand (run: Run): void {
  store(run, { orderId: 'c', version: 2, status: 'CANCELLED' })
  carry(run, { orderId: 'c', version: 1, status: 'PENDING' }, { orderId: 'c', version: 2, status: 'CANCELLED' })
}

/** An order of the load that somebody cancelled before the load came to it. */
function cancelByHand (run: Run): void {
  run.accepted.push(accepted('d', ['PENDING']))
  store(run, { orderId: 'd', version: 2, status: 'CANCELLED' })
  carry(run, { orderId: 'd', version: 1, status: 'PENDING' }, { orderId: 'd', version: 2, status: 'CANCELLED' })
}

t.test('a run in which all went well is clean', async (t) => {
  const verdict = judge(evidence())
  t.ok(isClean(verdict))
  t.same(verdict, {
    ordersAccepted: 2,
    eventsExpected: 5,
    eventsInTopic: 5,
    duplicatesInTopic: 0,
    lost: 0,
    unexpected: 0,
    outOfOrder: 0,
    effects: 5,
    wrongEffects: 0,
    unanswered: 0,
    byOthers: NOBODY,
    findings: [],
    delivery: 'exactly-once'
  })
})

t.test('a second copy of an event in the topic is counted; at least once it does no harm by itself', async (t) => {
  const run = evidence()
  const [first] = run.records
  if (first !== undefined) run.records.push(first)
  const verdict = judge({ ...run, delivery: 'at-least-once' })
  t.match(verdict, { duplicatesInTopic: 1, eventsInTopic: 5, lost: 0, outOfOrder: 0, byOthers: NOBODY })
  t.ok(isClean(verdict))
  t.notOk(isClean(judge(run)), 'exactly once it is a broken promise')
})

/** What others do while a run goes on, and how it is told. */
const STRANGERS: ReadonlyArray<readonly [string, (run: Run) => void, Partial<ByOthers>]> = [
  ['an order is placed and cancelled by hand', placeByHand, { orders: 1 }],
  ['an order of the load is cancelled by hand', cancelByHand, { changes: 1 }],
  ['an order is placed by hand while the evidence is read', (run) => {
    run.storedAfter.push({ orderId: 'c', version: 1, status: 'PENDING' })
    apply(run, { orderId: 'c', version: 1, status: 'PENDING', eventId: 'c-1' })
  }, { orders: 1 }],
  ['an order is placed by hand while the evidence is read, and its event is seen and not its effect', (run) => {
    run.storedAfter.push({ orderId: 'c', version: 1, status: 'PENDING' })
    run.records.push(record({ orderId: 'c', version: 1, status: 'PENDING' }))
  }, { orders: 1 }],
  ['an event without an order is inserted into the outbox', (run) => { carry(run, { orderId: 'x', version: 7, status: 'SHIPPED' }) }, { events: 1 }],
  ['an event without an order is inserted into the outbox, which the consumer puts aside', (run) => {
    run.records.push({ ...record({ orderId: 'no uuid', version: 1, status: 'PENDING' }), offset: 9n })
    run.refused.add('0/9')
  }, { events: 1 }],
  ['an event is inserted into the outbox once more, under an id of its own', (run) => {
    run.records.push(record({ orderId: 'a', version: 2, status: 'CONFIRMED', eventId: 'y' }))
  }, { events: 1 }],
  ['an event of another aggregate type has the id of an order', (run) => {
    const odd = record({ orderId: 'a', version: 4, status: 'DELIVERED', eventId: 'y' })
    run.records.push({ ...odd, offset: 9n, headers: { ...odd.headers, ce_aggregatetype: 'invoice' } })
    run.refused.add('0/9')
  }, { events: 1 }],
  ['two records that are no events are written to the topic', (run) => {
    run.records.push(garbage, { ...garbage, offset: 78n })
    run.refused.add(placeOf(garbage)).add('0/78')
  }, { records: 2 }],
  ['a record is copied to the topic by another producer', (run) => {
    run.records.push(foreign({ orderId: 'a', version: 2, status: 'CONFIRMED', eventId: 'a-2' }))
  }, { records: 1 }],
  ['a later version of an order of the load is written to the topic by another producer', (run) => {
    carry(run, { orderId: 'b', version: 3, status: 'DELIVERED', eventId: 'y', from: foreign })
  }, { records: 1 }],
  ['the same, before the load\'s own last change: the consumer takes no version after a later one', (run) => {
    run.records.splice(4, 0, foreign({ orderId: 'b', version: 9, status: 'DELIVERED', eventId: 'y' }))
    run.effects.splice(4, 1, { orderId: 'b', version: 9, status: 'DELIVERED', eventId: 'y' })
    run.views.splice(1, 1, { orderId: 'b', version: 9, status: 'DELIVERED' })
  }, { records: 1, displaced: 1 }]
]
for (const [name, act, expected] of STRANGERS) {
  t.test(`told apart: ${name}`, async (t) => {
    const run = evidence()
    act(run)
    const verdict = judge(run satisfies Evidence)
    t.same(verdict.byOthers, { ...NOBODY, ...expected })
    t.match(verdict, { lost: 0, unexpected: 0, duplicatesInTopic: 0, outOfOrder: 0, wrongEffects: 0, findings: [] })
    t.ok(isClean(verdict))
  })
}

/** Each breaks a clean run in one way; what the verdict then must say. */
const TAMPERINGS: ReadonlyArray<readonly [string, (run: Run) => void, Partial<Verdict>]> = [
  ['an event is not in the topic', ({ records }) => { records.splice(4, 1) }, { lost: 1, eventsInTopic: 4, outOfOrder: 0 }],
  ['an event in the middle of an order is not in the topic', ({ records }) => { records.splice(1, 1) }, { lost: 1, outOfOrder: 1 }],
  ['an event is in the topic and has no effect', (run) => { run.effects.pop(); run.effectsCounted-- }, { lost: 1 }],
  ['an event is in the topic and was put aside', (run) => { run.effects.pop(); run.effectsCounted--; run.refused.add('0/0') }, { lost: 1 }],
  ['an effect that nothing in the topic tells of', ({ effects }) => { effects.push({ orderId: 'b', version: 3, status: 'SHIPPED', eventId: 'y' }) }, { unexpected: 1 }],
  ['two events of an order are swapped', ({ records }) => { records.splice(0, 2, ...records.slice(0, 2).reverse()) }, { outOfOrder: 2, lost: 0 }],
  ['an event of an order is in another partition', ({ records }) => { records.splice(1, 1, record({ orderId: 'a', version: 2, status: 'CONFIRMED' }, 1)) }, { outOfOrder: 1 }],
  ['an event has another type than was accepted', ({ records }) => { records.splice(4, 1, record({ orderId: 'b', version: 2, status: 'CONFIRMED' })) }, { lost: 1, unexpected: 1 }],
  ['the relay published an event twice', (run) => { run.records.push(record({ orderId: 'a', version: 1, status: 'PENDING' })) }, { duplicatesInTopic: 1 }],
  ['an effect was counted twice', (run) => { run.effectsCounted++ }, { effects: 6, wrongEffects: 1, lost: 0 }],
  ['an effect with another status than was accepted', ({ effects }) => { effects.splice(4, 1, { orderId: 'b', version: 2, status: 'CONFIRMED', eventId: 'b-2' }) }, { lost: 1, unexpected: 1 }],
  ['the read model shows an older state', ({ views }) => { views.splice(0, 1, { orderId: 'a', version: 2, status: 'CONFIRMED' }) }, { wrongEffects: 2, lost: 0 }],
  ['the read model lacks an order', ({ views }) => { views.pop() }, { wrongEffects: 1, lost: 0 }],
  ['nobody knows whether a request was carried out', (run) => { run.unanswered = 1 }, { unanswered: 1 }],
  ['an order is stored otherwise than was answered', (run) => { store(run, { orderId: 'a', version: 3, status: 'DELIVERED' }) }, { lost: 1 }],
  ['an order that was placed by hand has no event', (run) => { store(run, { orderId: 'c', version: 1, status: 'PENDING' }) }, { lost: 1 }],
  ['an order that was placed by hand lacks an event', (run) => { placeByHand(run); run.records.pop() }, { lost: 1, unexpected: 1 }],
  ['an order that was placed by hand lacks its first event', (run) => { placeByHand(run); run.records.splice(5, 1) }, { lost: 1, outOfOrder: 1 }],
  ['an order that was placed by hand has an event without effect', (run) => { placeByHand(run); run.effects.pop(); run.effectsCounted-- }, { lost: 1 }],
  ['an order that was placed by hand has an event twice', (run) => { placeByHand(run); run.records.push(record({ orderId: 'c', version: 1, status: 'PENDING' })) }, { duplicatesInTopic: 1 }],
  ['an order that was placed by hand has its events swapped', (run) => { placeByHand(run); run.records.push(...run.records.splice(5, 1)) }, { outOfOrder: 2, lost: 0 }],
  ['an order that was changed by hand lacks that event', (run) => { cancelByHand(run); run.records.pop() }, { lost: 1 }],
  ['an event without an order is published and never applied', (run) => { run.records.push(record({ orderId: 'x', version: 1, status: 'PENDING' })) }, { lost: 1 }],
  ['a record of another producer is neither applied nor put aside', ({ records }) => { records.push(garbage) }, { lost: 1 }],
  ['a record of another producer stands in for one that the relay lost', ({ records }) => {
    records.splice(4, 1, foreign({ orderId: 'b', version: 2, status: 'CANCELLED', eventId: 'b-2' }))
  }, { lost: 1 }],
  ['a copy by another producer excuses no event without effect', (run) => {
    run.records.push(foreign({ orderId: 'a', version: 3, status: 'SHIPPED', eventId: 'a-3' }))
    run.effects.splice(1, 1)
    run.effectsCounted--
  }, { lost: 1 }]
]
for (const [name, tamper, expected] of TAMPERINGS) {
  t.test(`convicted: ${name}`, async (t) => {
    const run = evidence()
    tamper(run)
    const verdict = judge(run satisfies Evidence)
    t.match(verdict, expected)
    t.notOk(isClean(verdict))
    // What is counted alone has no name.
    if (expected.unanswered === undefined && expected.effects === undefined) t.not(verdict.findings.length, 0, 'and it says which')
  })
}
