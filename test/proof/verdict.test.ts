import type { OrderEventType, OrderStatus } from '@orders/contracts'
import type { StoredRecord } from '@orders/kafka'
import t from 'tap'
import { isClean, judge, type Effect, type Evidence } from '../../scripts/proof/verdict.ts'

const TYPE_OF: Readonly<Record<OrderStatus, OrderEventType>> = {
  PENDING: 'OrderCreated', CONFIRMED: 'OrderConfirmed', SHIPPED: 'OrderShipped', DELIVERED: 'OrderDelivered', CANCELLED: 'OrderCancelled'
}
const ACCEPTED: ReadonlyArray<{ orderId: string, statuses: OrderStatus[] }> = [
  { orderId: 'a', statuses: ['PENDING', 'CONFIRMED', 'SHIPPED'] },
  { orderId: 'b', statuses: ['PENDING', 'CANCELLED'] }
]

function record ({ orderId, version, status }: Effect, partition = 0): StoredRecord {
  const headers = { ce_subject: orderId, ce_aggregateversion: String(version), ce_type: TYPE_OF[status as OrderStatus] }
  return { topic: 'order-events', partition, offset: 0n, key: orderId, value: null, headers, timestamp: 0 }
}

/** What a run leaves behind when all went well. */
function evidence () {
  const effects: Effect[] = ACCEPTED.flatMap(({ orderId, statuses }) => statuses.map((status, index) => ({ orderId, version: index + 1, status })))
  return {
    accepted: ACCEPTED,
    unanswered: 0,
    records: effects.map((effect) => record(effect)),
    effects,
    effectsCounted: effects.length,
    views: ACCEPTED.map(({ orderId, statuses }) => ({ orderId, version: statuses.length, status: statuses.at(-1) ?? '' }))
  }
}

t.test('a run in which all went well is clean', async (t) => {
  const verdict = judge(evidence())
  t.ok(isClean(verdict))
  t.same(verdict, {
    ordersAccepted: 2, eventsExpected: 5, eventsInTopic: 5, duplicatesInTopic: 0, lost: 0, unexpected: 0, outOfOrder: 0, effects: 5, wrongEffects: 0, unanswered: 0
  })
})

t.test('a second copy of an event in the topic is counted, and does no harm by itself', async (t) => {
  const run = evidence()
  const [first] = run.records
  if (first !== undefined) run.records.push(first)
  const verdict = judge(run)
  t.match(verdict, { duplicatesInTopic: 1, eventsInTopic: 5, lost: 0, outOfOrder: 0 })
  t.ok(isClean(verdict))
})

/** Each breaks a clean run in one way; what the verdict then must say. */
const TAMPERINGS: ReadonlyArray<readonly [string, (run: ReturnType<typeof evidence>) => void, Partial<Record<keyof ReturnType<typeof judge>, number>>]> = [
  ['an event is not in the topic', ({ records }) => { records.splice(4, 1) }, { lost: 1, eventsInTopic: 4, outOfOrder: 0 }],
  ['an event in the middle of an order is not in the topic', ({ records }) => { records.splice(1, 1) }, { lost: 1, outOfOrder: 1 }],
  ['an event is in the topic and has no effect', (run) => { run.effects.pop(); run.effectsCounted-- }, { lost: 1 }],
  ['an event of an order that nobody accepted', ({ records }) => { records.push(record({ orderId: 'c', version: 1, status: 'PENDING' })) }, { unexpected: 1, lost: 0 }],
  ['an effect that nobody accepted', ({ effects }) => { effects.push({ orderId: 'b', version: 3, status: 'SHIPPED' }) }, { unexpected: 1 }],
  ['two events of an order are swapped', ({ records }) => { records.splice(0, 2, ...records.slice(0, 2).reverse()) }, { outOfOrder: 2, lost: 0 }],
  ['an event of an order is in another partition', ({ records }) => { records.splice(1, 1, record({ orderId: 'a', version: 2, status: 'CONFIRMED' }, 1)) }, { outOfOrder: 1 }],
  ['an event has another type than was accepted', ({ records }) => { records.splice(4, 1, record({ orderId: 'b', version: 2, status: 'CONFIRMED' })) }, { lost: 1, unexpected: 1 }],
  ['a record that is no event at all', ({ records }) => { records.push({ ...record({ orderId: '', version: 0, status: '' }), headers: {} }) }, { unexpected: 1 }],
  ['an effect was counted twice', (run) => { run.effectsCounted++ }, { effects: 6, wrongEffects: 1, lost: 0 }],
  ['an effect with another status than was accepted', ({ effects }) => { effects.splice(4, 1, { orderId: 'b', version: 2, status: 'CONFIRMED' }) }, { lost: 1, unexpected: 1 }],
  ['the read model shows an older state', ({ views }) => { views.splice(0, 1, { orderId: 'a', version: 2, status: 'CONFIRMED' }) }, { wrongEffects: 2, lost: 0 }],
  ['the read model lacks an order', ({ views }) => { views.pop() }, { wrongEffects: 1, lost: 0 }],
  ['nobody knows whether a request was carried out', (run) => { run.unanswered = 1 }, { unanswered: 1 }]
]
for (const [name, tamper, expected] of TAMPERINGS) {
  t.test(`convicted: ${name}`, async (t) => {
    const run = evidence()
    tamper(run)
    const verdict = judge(run satisfies Evidence)
    t.match(verdict, expected)
    t.notOk(isClean(verdict))
  })
}
