import type { OrderEventType, OrderStatus } from '@orders/contracts'
import type { StoredRecord } from '@orders/kafka'
import t from 'tap'
import type { EffectRow, OrderRow } from '../index.ts'
import { isClean, placeOf, reconcile, type AcceptedOrder, type ByOthers, type Observations, type Reconciliation } from '../observation/reconcile.ts'

const TYPE_OF: Readonly<Record<OrderStatus, OrderEventType>> = {
  PENDING: 'OrderCreated', CONFIRMED: 'OrderConfirmed', SHIPPED: 'OrderShipped', DELIVERED: 'OrderDelivered', CANCELLED: 'OrderCancelled'
}
const ACCEPTED: readonly AcceptedOrder[] = [
  accepted('a', ['PENDING', 'CONFIRMED', 'SHIPPED']),
  accepted('b', ['PENDING', 'CANCELLED'])
]
const NONE: ByOthers = { orders: 0, changes: 0, events: 0, records: 0, displaced: 0 }

function accepted (order: string, statuses: OrderStatus[]): AcceptedOrder {
  return { order, changes: statuses.map((status, index) => ({ version: index + 1, status })) }
}

/** By default each event has the id that its order and version make. */
function record ({ order, version, status, event = `${order}-${version}` }: OrderRow & { event?: string }, partition = 0): StoredRecord {
  const headers = {
    ce_id: event, ce_subject: order, ce_aggregatetype: 'order', ce_aggregateversion: String(version), ce_type: TYPE_OF[status as OrderStatus]
  }
  return { topic: 'order-events', partition, offset: 0n, key: order, value: null, headers, timestamp: 0, transactional: true }
}

function foreign (effect: OrderRow & { event?: string }): StoredRecord {
  return { ...record(effect), transactional: false }
}

const garbage: StoredRecord = { ...record({ order: '', version: 0, status: '' }), headers: {}, offset: 77n, transactional: false }

/** What a run leaves behind when all went well. */
function observations () {
  const effects: EffectRow[] = ACCEPTED.flatMap(({ order, changes }) =>
    changes.map(({ version, status }) => ({ order, version, status, event: `${order}-${version}` })))
  const stored: OrderRow[] = [{ order: 'a', version: 3, status: 'SHIPPED' }, { order: 'b', version: 2, status: 'CANCELLED' }]
  return {
    accepted: [...ACCEPTED],
    unanswered: 0,
    stored,
    storedAfter: [...stored],
    records: effects.map((effect) => record(effect)),
    putAside: new Set<string>(),
    effects,
    effectsCounted: effects.length,
    views: stored.map((order): OrderRow => ({ ...order })),
    delivery: 'exactly-once' as Observations['delivery']
  }
}

type Run = ReturnType<typeof observations>

/** An event of another client, published and applied. */
function carry (run: Run, ...events: Array<OrderRow & { event?: string, from?: typeof record }>): void {
  for (const { order, version, status, event = `${order}-${version}`, from = record } of events) {
    const effect = { order, version, status, event }
    run.records.push(from(effect))
    apply(run, effect)
  }
}

function apply (run: Run, effect: EffectRow): void {
  run.effects.push(effect)
  run.effectsCounted++
  run.views = [...run.views.filter(({ order }) => order !== effect.order), effect]
}

function store (run: Run, order: OrderRow): void {
  run.stored = [...run.stored.filter((other) => other.order !== order.order), order]
  run.storedAfter = run.stored
}

/** An order that another client placed and cancelled. */
function placeByHand (run: Run): void {
  store(run, { order: 'c', version: 2, status: 'CANCELLED' })
  carry(run, { order: 'c', version: 1, status: 'PENDING' }, { order: 'c', version: 2, status: 'CANCELLED' })
}

/** An order of the load that another client cancelled before the load changed it. */
function cancelByHand (run: Run): void {
  run.accepted.push(accepted('d', ['PENDING']))
  store(run, { order: 'd', version: 2, status: 'CANCELLED' })
  carry(run, { order: 'd', version: 1, status: 'PENDING' }, { order: 'd', version: 2, status: 'CANCELLED' })
}

t.test('a run in which all went well is clean', async (t) => {
  const result = reconcile(observations())
  t.ok(isClean(result))
  t.same(result, {
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
    byOthers: NONE,
    findings: [],
    delivery: 'exactly-once'
  })
})

t.test('a second copy of an event in the topic is counted; at least once it does no harm by itself', async (t) => {
  const run = observations()
  const [first] = run.records
  if (first !== undefined) run.records.push(first)
  const result = reconcile({ ...run, delivery: 'at-least-once' })
  t.match(result, { duplicatesInTopic: 1, eventsInTopic: 5, lost: 0, outOfOrder: 0, byOthers: NONE })
  t.ok(isClean(result))
  t.notOk(isClean(reconcile(run)), 'exactly once it is a broken promise')
})

/** Actions of other clients during a run, and how they are counted. */
const STRANGERS: ReadonlyArray<readonly [string, (run: Run) => void, Partial<ByOthers>]> = [
  ['an order is placed and cancelled by hand', placeByHand, { orders: 1 }],
  ['an order of the load is cancelled by hand', cancelByHand, { changes: 1 }],
  ['an order is placed by hand during the read', (run) => {
    run.storedAfter.push({ order: 'c', version: 1, status: 'PENDING' })
    apply(run, { order: 'c', version: 1, status: 'PENDING', event: 'c-1' })
  }, { orders: 1 }],
  ['an order is placed by hand during the read, and its event is seen and not its effect', (run) => {
    run.storedAfter.push({ order: 'c', version: 1, status: 'PENDING' })
    run.records.push(record({ order: 'c', version: 1, status: 'PENDING' }))
  }, { orders: 1 }],
  ['an event without an order is inserted into the outbox', (run) => { carry(run, { order: 'x', version: 7, status: 'SHIPPED' }) }, { events: 1 }],
  ['an event without an order is inserted into the outbox, which the consumer puts aside', (run) => {
    run.records.push({ ...record({ order: 'no uuid', version: 1, status: 'PENDING' }), offset: 9n })
    run.putAside.add('0/9')
  }, { events: 1 }],
  ['an event is inserted into the outbox once more, under an id of its own', (run) => {
    run.records.push(record({ order: 'a', version: 2, status: 'CONFIRMED', event: 'y' }))
  }, { events: 1 }],
  ['an event of another aggregate type has the id of an order', (run) => {
    const odd = record({ order: 'a', version: 4, status: 'DELIVERED', event: 'y' })
    run.records.push({ ...odd, offset: 9n, headers: { ...odd.headers, ce_aggregatetype: 'invoice' } })
    run.putAside.add('0/9')
  }, { events: 1 }],
  ['two records that are no events are written to the topic', (run) => {
    run.records.push(garbage, { ...garbage, offset: 78n })
    run.putAside.add(placeOf(garbage)).add('0/78')
  }, { records: 2 }],
  ['a record is copied to the topic by another producer', (run) => {
    run.records.push(foreign({ order: 'a', version: 2, status: 'CONFIRMED', event: 'a-2' }))
  }, { records: 1 }],
  ['a later version of an order of the load is written to the topic by another producer', (run) => {
    carry(run, { order: 'b', version: 3, status: 'DELIVERED', event: 'y', from: foreign })
  }, { records: 1 }],
  ['the same, before the load\'s own last change: the consumer takes no version after a later one', (run) => {
    run.records.splice(4, 0, foreign({ order: 'b', version: 9, status: 'DELIVERED', event: 'y' }))
    run.effects.splice(4, 1, { order: 'b', version: 9, status: 'DELIVERED', event: 'y' })
    run.views.splice(1, 1, { order: 'b', version: 9, status: 'DELIVERED' })
  }, { records: 1, displaced: 1 }]
]
for (const [name, act, expected] of STRANGERS) {
  t.test(`told apart: ${name}`, async (t) => {
    const run = observations()
    act(run)
    const result = reconcile(run satisfies Observations)
    t.same(result.byOthers, { ...NONE, ...expected })
    t.match(result, { lost: 0, unexpected: 0, duplicatesInTopic: 0, outOfOrder: 0, wrongEffects: 0, findings: [] })
    t.ok(isClean(result))
  })
}

/** Each breaks a clean run in one way; and what the result must say then. */
const TAMPERINGS: ReadonlyArray<readonly [string, (run: Run) => void, Partial<Reconciliation>]> = [
  ['an event is not in the topic', ({ records }) => { records.splice(4, 1) }, { lost: 1, eventsInTopic: 4, outOfOrder: 0 }],
  ['an event in the middle of an order is not in the topic', ({ records }) => { records.splice(1, 1) }, { lost: 1, outOfOrder: 1 }],
  ['an event is in the topic and has no effect', (run) => { run.effects.pop(); run.effectsCounted-- }, { lost: 1 }],
  ['an event is in the topic and became a dead letter', (run) => { run.effects.pop(); run.effectsCounted--; run.putAside.add('0/0') }, { lost: 1 }],
  ['an effect without an event in the topic', ({ effects }) => { effects.push({ order: 'b', version: 3, status: 'SHIPPED', event: 'y' }) }, { unexpected: 1 }],
  ['two events of an order are swapped', ({ records }) => { records.splice(0, 2, ...records.slice(0, 2).reverse()) }, { outOfOrder: 2, lost: 0 }],
  ['an event of an order is in another partition', ({ records }) => { records.splice(1, 1, record({ order: 'a', version: 2, status: 'CONFIRMED' }, 1)) }, { outOfOrder: 1 }],
  ['an event has another type than was accepted', ({ records }) => { records.splice(4, 1, record({ order: 'b', version: 2, status: 'CONFIRMED' })) }, { lost: 1, unexpected: 1 }],
  ['the relay published an event twice', (run) => { run.records.push(record({ order: 'a', version: 1, status: 'PENDING' })) }, { duplicatesInTopic: 1 }],
  ['an effect was counted twice', (run) => { run.effectsCounted++ }, { effects: 6, wrongEffects: 1, lost: 0 }],
  ['an effect with another status than was accepted', ({ effects }) => { effects.splice(4, 1, { order: 'b', version: 2, status: 'CONFIRMED', event: 'b-2' }) }, { lost: 1, unexpected: 1 }],
  ['the read model shows an older state', ({ views }) => { views.splice(0, 1, { order: 'a', version: 2, status: 'CONFIRMED' }) }, { wrongEffects: 2, lost: 0 }],
  ['the read model lacks an order', ({ views }) => { views.pop() }, { wrongEffects: 1, lost: 0 }],
  ['a request was never answered', (run) => { run.unanswered = 1 }, { unanswered: 1 }],
  ['an order is stored otherwise than was answered', (run) => { store(run, { order: 'a', version: 3, status: 'DELIVERED' }) }, { lost: 1 }],
  ['an order that was placed by hand has no event', (run) => { store(run, { order: 'c', version: 1, status: 'PENDING' }) }, { lost: 1 }],
  ['an order that was placed by hand lacks an event', (run) => { placeByHand(run); run.records.pop() }, { lost: 1, unexpected: 1 }],
  ['an order that was placed by hand lacks its first event', (run) => { placeByHand(run); run.records.splice(5, 1) }, { lost: 1, outOfOrder: 1 }],
  ['an order that was placed by hand has an event without effect', (run) => { placeByHand(run); run.effects.pop(); run.effectsCounted-- }, { lost: 1 }],
  ['an order that was placed by hand has an event twice', (run) => { placeByHand(run); run.records.push(record({ order: 'c', version: 1, status: 'PENDING' })) }, { duplicatesInTopic: 1 }],
  ['an order that was placed by hand has its events swapped', (run) => { placeByHand(run); run.records.push(...run.records.splice(5, 1)) }, { outOfOrder: 2, lost: 0 }],
  ['an order that was changed by hand lacks that event', (run) => { cancelByHand(run); run.records.pop() }, { lost: 1 }],
  ['an event without an order is published and never applied', (run) => { run.records.push(record({ order: 'x', version: 1, status: 'PENDING' })) }, { lost: 1 }],
  ['a record of another producer is neither applied nor a dead letter', ({ records }) => { records.push(garbage) }, { lost: 1 }],
  ['a record of another producer stands in for one that the relay lost', ({ records }) => {
    records.splice(4, 1, foreign({ order: 'b', version: 2, status: 'CANCELLED', event: 'b-2' }))
  }, { lost: 1 }],
  ['a copy by another producer does not hide an event without effect', (run) => {
    run.records.push(foreign({ order: 'a', version: 3, status: 'SHIPPED', event: 'a-3' }))
    run.effects.splice(1, 1)
    run.effectsCounted--
  }, { lost: 1 }]
]
for (const [name, tamper, expected] of TAMPERINGS) {
  t.test(`found: ${name}`, async (t) => {
    const run = observations()
    tamper(run)
    const result = reconcile(run satisfies Observations)
    t.match(result, expected)
    t.notOk(isClean(result))
    // A count alone names nothing.
    if (expected.unanswered === undefined && expected.effects === undefined) t.not(result.findings.length, 0, 'and it says which')
  })
}
