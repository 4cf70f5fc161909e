import { ORDER_AGGREGATE_TYPE, STATUS_AFTER, type OrderEventType, type OrderStatus } from '@orders/contracts'
import type { StoredRecord } from '@orders/kafka'
import type { EffectRow, OrderRow } from '../final-state.ts'

/** How the relay publishes. Exactly once: each event once, and in a transaction. */
export type Delivery = 'exactly-once' | 'at-least-once'

/** What the API answered to the load's own requests for an order. Another client may have changed it too. */
export interface AcceptedOrder {
  order: string
  changes: Array<{ version: number, status: OrderStatus }>
}

/** What was accepted and stored, what is in the topic, and what took effect. */
export interface Observations {
  /** What the API accepted of the load. */
  accepted: Iterable<AcceptedOrder>
  /** Requests with an unknown outcome. */
  unanswered: number
  /** Every order of every client, before the topic was read: the events of these must be there. */
  stored: readonly OrderRow[]
  /** The same after everything was read: the events of these may be there. */
  storedAfter: readonly OrderRow[]
  /** The whole topic, by partition in the order of offsets. */
  records: readonly StoredRecord[]
  /** Which of them the consumer put on its dead-letter topic, by {@link placeOf}. */
  putAside: ReadonlySet<string>
  /** What took effect. */
  effects: readonly EffectRow[]
  /** How many effects the consumer counted; more than there are rows would be a double effect. */
  effectsCounted: number
  /** The read model: each order once. */
  views: readonly OrderRow[]
  delivery: Delivery
}

/** What did not come from the load. It is checked as far as it can be, and is no error by itself. */
export interface ByOthers {
  /** Orders that another client placed. */
  orders: number
  /** Changes by another client of orders that the load placed. */
  changes: number
  /** Events that the relay published and that belong to no order: inserted into the outbox by hand. */
  events: number
  /** Records of another producer in the topic. */
  records: number
  /** Events without effect because one of the last two kinds had been applied in their place. */
  displaced: number
}

/** How far the four agree. */
export interface Reconciliation {
  ordersAccepted: number
  eventsExpected: number
  /** Different events of the load. */
  eventsInTopic: number
  /** Second copies of an event, of the load or not. */
  duplicatesInTopic: number
  /** Events of the load or of a stored order that are not in the topic or without effect; records that were neither applied nor became dead letters. */
  lost: number
  /** Effects without an event in the topic. */
  unexpected: number
  /** Events that came before a predecessor, or apart from it in another partition. */
  outOfOrder: number
  /** Those of the load. */
  effects: number
  /** Effects that were counted twice or not at all, and orders that the read model shows otherwise than their last effect. */
  wrongEffects: number
  unanswered: number
  byOthers: ByOthers
  /** The first findings, as sentences. */
  findings: string[]
  delivery: Delivery
}

/** A version of a stored order. One event belongs to it. */
interface Slot {
  order: string
  version: number
  /** Unknown where another client made the change, and another change followed. */
  status: string | undefined
  own: boolean
  /** Its event must be there. */
  due: boolean
  record?: TopicEvent
}

/** A record, as far as it is an event. */
interface TopicEvent extends EffectRow {
  place: string
  /** A damaged record has its place; everything else is unknown. */
  damaged: boolean
}

/** No order has more versions. A version above was written by hand, and has no events. */
const LONGEST_LIFE = 4
const FINDINGS = 5

/** Compares what was accepted and stored with what is in the topic and what took effect. */
export function reconcile (observations: Observations): Reconciliation {
  const { accepted, unanswered, stored, storedAfter, records, putAside, effects, effectsCounted, views, delivery } = observations
  const orders = [...accepted]
  const slots = slotsOf(orders, stored, storedAfter)
  const topic = sortTopic(records, slots, delivery)
  const strangers = [...topic.events, ...topic.foreign]
  const findings: string[] = []
  const find = (what: string, name: string) => { if (findings.length < FINDINGS) findings.push(`${what}: ${name}`) }

  const usedIds = new Set([...slots.values()].map(({ record }) => record?.event))
  // Not those of copies: what a copy of an event does to its order, the event itself did.
  const strangersIds = new Set(strangers.map(({ event }) => event).filter((id) => !usedIds.has(id)))
  const inEffect = new Map(effects.map((effect) => [keyOf(effect), effect]))
  const idsInEffect = new Set(effects.map(({ event }) => event))
  const newest = newestOf(effects)
  const newestOfStrangers = newestOf(effects.filter(({ event }) => strangersIds.has(event)))

  let [lost, displaced] = [0, 0]
  for (const slot of slots.values()) {
    if (!slot.due) continue
    const { record } = slot
    const name = `order ${slot.order}, version ${slot.version}`
    if (record === undefined) {
      lost++
      find('not in the topic', name)
    } else if (inEffect.get(keyOf(slot))?.status !== record.status) {
      if ((newestOfStrangers.get(slot.order)?.version ?? 0) >= slot.version) displaced++
      else {
        lost++
        find('without effect', name)
      }
    }
  }
  for (const { order, version, status } of stored) {
    const slot = slots.get(keyOf({ order, version }))
    // The event of another client's order is missed above.
    if (slot?.own !== true || slot.status === status) continue
    lost++
    find('stored, and without an event', nameOf({ order, version, status }))
  }
  for (const { event, order, version, place, damaged } of strangers) {
    // The consumer takes an event id once, and no version after a later one.
    const isSettled = damaged || putAside.has(place) || idsInEffect.has(event) || usedIds.has(event) || (newest.get(order)?.version ?? 0) >= version
    if (isSettled) continue
    lost++
    find('neither applied nor a dead letter', `the record at ${place}, written by others`)
  }

  let unexpected = 0
  for (const effect of effects) {
    const slot = slots.get(keyOf(effect))
    // An order that another client placed during the read.
    const isLate = slot !== undefined && !slot.due
    if (topic.names.has(nameOf(effect)) || isLate) continue
    unexpected++
    find('in effect, and not in the topic', nameOf(effect))
  }

  const shown = new Set(views.map(nameOf))
  const toBeShown = new Set([...newest.values()].map(nameOf))
  const wrongViews = [...missing(toBeShown, shown), ...missing(shown, toBeShown)]
  for (const name of wrongViews) find('the read model and its history do not agree on', name)
  for (const name of topic.duplicates) find('more than once in the topic', name)
  for (const name of topic.outOfOrder) find('out of order', name)

  const own = [...slots.values()].filter((slot) => slot.own)
  const ownIds = new Set(orders.map(({ order }) => order))
  const othersEffects = effects.filter((effect) => slots.get(keyOf(effect))?.own !== true).length
  return {
    ordersAccepted: orders.length,
    eventsExpected: own.length,
    eventsInTopic: own.filter(({ record }) => record !== undefined).length,
    duplicatesInTopic: topic.duplicates.length,
    lost,
    unexpected,
    outOfOrder: topic.outOfOrder.length,
    effects: effectsCounted - othersEffects,
    wrongEffects: Math.abs(effectsCounted - inEffect.size) + wrongViews.length,
    unanswered,
    byOthers: {
      orders: storedAfter.filter(({ order }) => !ownIds.has(order)).length,
      changes: [...slots.values()].filter((slot) => !slot.own && ownIds.has(slot.order)).length,
      events: topic.events.length,
      records: topic.foreign.length,
      displaced
    },
    findings,
    delivery
  }
}

/** Nothing lost, duplicated or out of order. With at-least-once, a duplicate in the topic alone is allowed. */
export function isClean ({ lost, unexpected, outOfOrder, wrongEffects, unanswered, duplicatesInTopic, delivery }: Reconciliation): boolean {
  return lost + unexpected + outOfOrder + wrongEffects + unanswered + (delivery === 'exactly-once' ? duplicatesInTopic : 0) === 0
}

/** Where a record is in its topic. */
export function placeOf ({ partition, offset }: { partition: number, offset: bigint | number }): string {
  return `${partition}/${offset}`
}

function slotsOf (orders: readonly AcceptedOrder[], stored: readonly OrderRow[], storedAfter: readonly OrderRow[]): Map<string, Slot> {
  const slots = new Map<string, Slot>()
  for (const [rows, due] of [[storedAfter, false], [stored, true]] as const) {
    for (const { order, version, status } of rows) {
      for (let each = 1; each <= Math.min(version, LONGEST_LIFE); each++) {
        const key = keyOf({ order, version: each })
        const known = each === version ? status : slots.get(key)?.status
        slots.set(key, { order, version: each, status: known, own: false, due })
      }
    }
  }
  for (const { order, changes } of orders) {
    for (const { version, status } of changes) slots.set(keyOf({ order, version }), { order, version, status, own: true, due: true })
  }
  return slots
}

/** Gives each slot its first record. The other records are second copies, or belong to no order. */
function sortTopic (records: readonly StoredRecord[], slots: ReadonlyMap<string, Slot>, delivery: Delivery) {
  const events: TopicEvent[] = []
  const foreign: TopicEvent[] = []
  const duplicates: string[] = []
  const outOfOrder: string[] = []
  const names = new Set<string>()
  const seen = new Set<string>()
  const last = new Map<string, { version: number, partition: number }>()
  for (const record of records) {
    const event = toEvent(record)
    const name = nameOf(event)
    names.add(name)
    // The relay writes no such records.
    if (record.headers.ce_id === undefined || (delivery === 'exactly-once' && !record.transactional)) {
      foreign.push(event)
      continue
    }
    // The order of first copies counts: a reader that knows the event skips a later copy.
    if (seen.has(`${event.event} ${name}`)) {
      duplicates.push(name)
      continue
    }
    seen.add(`${event.event} ${name}`)
    const slot = String(record.headers.ce_aggregatetype) === ORDER_AGGREGATE_TYPE ? slots.get(keyOf(event)) : undefined
    if (slot === undefined || slot.record !== undefined || (slot.status ?? event.status) !== event.status) {
      events.push(event)
      continue
    }
    slot.record = event
    const before = last.get(slot.order) ?? { version: 0, partition: record.partition }
    if (slot.version !== before.version + 1 || record.partition !== before.partition) outOfOrder.push(name)
    last.set(slot.order, { version: Math.max(slot.version, before.version), partition: before.partition })
  }
  return { events, foreign, duplicates, outOfOrder, names }
}

function toEvent (record: StoredRecord): TopicEvent {
  const { headers } = record
  return {
    event: String(headers.ce_id).toLowerCase(),
    order: String(headers.ce_subject).toLowerCase(),
    version: Number(String(headers.ce_aggregateversion)),
    status: String(STATUS_AFTER[String(headers.ce_type) as OrderEventType]),
    place: placeOf(record),
    damaged: record.damage !== undefined
  }
}

function newestOf (effects: readonly EffectRow[]): Map<string, EffectRow> {
  const newest = new Map<string, EffectRow>()
  for (const effect of effects) if ((newest.get(effect.order)?.version ?? 0) < effect.version) newest.set(effect.order, effect)
  return newest
}

/** An order has one event for each version. */
function keyOf ({ order, version }: Pick<OrderRow, 'order' | 'version'>): string {
  return `${order}/${version}`
}

/** With the status, which tells apart two events for one version. */
function nameOf (row: OrderRow): string {
  return `${keyOf(row)} ${row.status}`
}

function missing (from: ReadonlySet<string>, among: ReadonlySet<string>): string[] {
  return [...from].filter((name) => !among.has(name))
}
