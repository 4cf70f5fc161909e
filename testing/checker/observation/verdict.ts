import { ORDER_AGGREGATE_TYPE, STATUS_AFTER, type OrderEventType } from '@orders/contracts'
import type { StoredRecord } from '@orders/kafka'
import type { AcceptedOrder } from '../../traffic/order-load.ts'
import type { StoredOrder } from './stored-orders.ts'

/** How the relay publishes. Exactly once: each event once, and in a transaction. */
export type Delivery = 'exactly-once' | 'at-least-once'

/** The newest state of an order in the consumer's read model. */
export interface Effect {
  orderId: string
  version: number
  status: string
}

/** One row of the consumer's `order_history`. */
export interface AppliedEffect extends Effect {
  eventId: string
}

export interface Evidence {
  /** What the API accepted of the load. */
  accepted: Iterable<AcceptedOrder>
  /** Requests of which nobody knows whether they were carried out. */
  unanswered: number
  /** Every order, whoever placed it, before the topic was read: the events of these must be there. */
  stored: readonly StoredOrder[]
  /** The same after everything was read: the events of these may be there. */
  storedAfter: readonly StoredOrder[]
  /** The whole topic, by partition in the order of offsets. */
  records: readonly StoredRecord[]
  /** Which of them the consumer put on its dead-letter topic, by {@link placeOf}. */
  refused: ReadonlySet<string>
  /** What took effect. */
  effects: readonly AppliedEffect[]
  /** How many effects the consumer counted; more than there are rows would be a double effect. */
  effectsCounted: number
  /** The read model: each order once. */
  views: readonly Effect[]
  delivery: Delivery
}

/** What did not come from the load. It is judged as far as it can be, and spoils nothing by being there. */
export interface ByOthers {
  /** Orders that somebody else placed. */
  orders: number
  /** Changes by somebody else of orders that the load placed. */
  changes: number
  /** Events that the relay published, and that no order tells of: inserted into the outbox by hand. */
  events: number
  /** Records of another producer in the topic. */
  records: number
  /** Events without effect because one of the last two kinds had been applied in their place. */
  displaced: number
}

export interface Verdict {
  ordersAccepted: number
  eventsExpected: number
  /** Different events of the load. */
  eventsInTopic: number
  /** Second copies of an event, whoever's it is. */
  duplicatesInTopic: number
  /** Events of the load or of a stored order that are not in the topic or without effect; records neither applied nor put aside. */
  lost: number
  /** In effect, and nothing in the topic tells of it. */
  unexpected: number
  /** Events that came before a predecessor, or apart from it in another partition. */
  outOfOrder: number
  /** Those of the load. */
  effects: number
  /** Effects that were counted twice or not at all, and orders that the read model shows otherwise than their last effect. */
  wrongEffects: number
  unanswered: number
  byOthers: ByOthers
  /** The first of what is wrong, in words. */
  findings: string[]
  delivery: Delivery
}

/** A version of a stored order, which one event tells of. */
interface Slot extends Omit<Effect, 'status'> {
  /** Unknown where somebody else made the change, and another one followed. */
  status: string | undefined
  own: boolean
  /** Its event must be there. */
  due: boolean
  record?: TopicEvent
}

/** A record, as far as it is an event. */
interface TopicEvent extends AppliedEffect {
  place: string
  /** Also a damaged record has its place; what else it has is unknown. */
  damaged: boolean
}

/** A longer life no order has: a version above it was written by hand, and says nothing of events. */
const LONGEST_LIFE = 4
const FINDINGS = 5

/** Compares what was accepted and stored with what is in the topic and what took effect. Knows nothing of how it came there. */
export function judge (evidence: Evidence): Verdict {
  const { accepted, unanswered, stored, storedAfter, records, refused, effects, effectsCounted, views, delivery } = evidence
  const orders = [...accepted]
  const slots = slotsOf(orders, stored, storedAfter)
  const topic = sortTopic(records, slots, delivery)
  const strangers = [...topic.events, ...topic.foreign]
  const findings: string[] = []
  const find = (what: string, name: string) => { if (findings.length < FINDINGS) findings.push(`${what}: ${name}`) }

  const usedIds = new Set([...slots.values()].map(({ record }) => record?.eventId))
  // Not those of copies: what a copy of an event does to its order, the event itself did.
  const strangersIds = new Set(strangers.map(({ eventId }) => eventId).filter((id) => !usedIds.has(id)))
  const inEffect = new Map(effects.map((effect) => [keyOf(effect), effect]))
  const idsInEffect = new Set(effects.map(({ eventId }) => eventId))
  const newest = newestOf(effects)
  const newestOfStrangers = newestOf(effects.filter(({ eventId }) => strangersIds.has(eventId)))

  let [lost, displaced] = [0, 0]
  for (const slot of slots.values()) {
    if (!slot.due) continue
    const { record } = slot
    const name = `order ${slot.orderId}, version ${slot.version}`
    if (record === undefined) {
      lost++
      find('not in the topic', name)
    } else if (inEffect.get(keyOf(slot))?.status !== record.status) {
      if ((newestOfStrangers.get(slot.orderId)?.version ?? 0) >= slot.version) displaced++
      else {
        lost++
        find('without effect', name)
      }
    }
  }
  for (const { orderId, version, status } of stored) {
    const slot = slots.get(keyOf({ orderId, version }))
    // Of an order of somebody else the event is missed above.
    if (slot?.own !== true || slot.status === status) continue
    lost++
    find('stored, and no event tells of it', nameOf({ orderId, version, status }))
  }
  for (const { eventId, orderId, version, place, damaged } of strangers) {
    // The consumer takes an event id once, and no version after a later one.
    const isSettled = damaged || refused.has(place) || idsInEffect.has(eventId) || usedIds.has(eventId) || (newest.get(orderId)?.version ?? 0) >= version
    if (isSettled) continue
    lost++
    find('neither applied nor put aside', `the record at ${place}, written by others`)
  }

  let unexpected = 0
  for (const effect of effects) {
    const slot = slots.get(keyOf(effect))
    // Somebody's order, placed while this was read.
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
  const ownIds = new Set(orders.map(({ orderId }) => orderId))
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
      orders: storedAfter.filter(({ orderId }) => !ownIds.has(orderId)).length,
      changes: [...slots.values()].filter((slot) => !slot.own && ownIds.has(slot.orderId)).length,
      events: topic.events.length,
      records: topic.foreign.length,
      displaced
    },
    findings,
    delivery
  }
}

/** Nothing lost, doubled, or out of order. At least once, a duplicate in the topic alone is no fault. */
export function isClean ({ lost, unexpected, outOfOrder, wrongEffects, unanswered, duplicatesInTopic, delivery }: Verdict): boolean {
  return lost + unexpected + outOfOrder + wrongEffects + unanswered + (delivery === 'exactly-once' ? duplicatesInTopic : 0) === 0
}

/** Where a record is in its topic. */
export function placeOf ({ partition, offset }: { partition: number, offset: bigint | string }): string {
  return `${partition}/${offset}`
}

function slotsOf (orders: readonly AcceptedOrder[], stored: readonly StoredOrder[], storedAfter: readonly StoredOrder[]): Map<string, Slot> {
  const slots = new Map<string, Slot>()
  for (const [rows, due] of [[storedAfter, false], [stored, true]] as const) {
    for (const { orderId, version, status } of rows) {
      for (let each = 1; each <= Math.min(version, LONGEST_LIFE); each++) {
        const key = keyOf({ orderId, version: each })
        const known = each === version ? status : slots.get(key)?.status
        slots.set(key, { orderId, version: each, status: known, own: false, due })
      }
    }
  }
  for (const { orderId, changes } of orders) {
    for (const { version, status } of changes) slots.set(keyOf({ orderId, version }), { orderId, version, status, own: true, due: true })
  }
  return slots
}

/** Gives each slot the first record that tells of it. The others are second copies, or not of any order. */
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
    // The relay has no such records.
    if (record.headers.ce_id === undefined || (delivery === 'exactly-once' && !record.transactional)) {
      foreign.push(event)
      continue
    }
    // The order of first copies counts: a reader that knows the event skips a later copy.
    if (seen.has(`${event.eventId} ${name}`)) {
      duplicates.push(name)
      continue
    }
    seen.add(`${event.eventId} ${name}`)
    const slot = String(record.headers.ce_aggregatetype) === ORDER_AGGREGATE_TYPE ? slots.get(keyOf(event)) : undefined
    if (slot === undefined || slot.record !== undefined || (slot.status ?? event.status) !== event.status) {
      events.push(event)
      continue
    }
    slot.record = event
    const before = last.get(slot.orderId) ?? { version: 0, partition: record.partition }
    if (slot.version !== before.version + 1 || record.partition !== before.partition) outOfOrder.push(name)
    last.set(slot.orderId, { version: Math.max(slot.version, before.version), partition: before.partition })
  }
  return { events, foreign, duplicates, outOfOrder, names }
}

function toEvent (record: StoredRecord): TopicEvent {
  const { headers } = record
  return {
    eventId: String(headers.ce_id).toLowerCase(),
    orderId: String(headers.ce_subject).toLowerCase(),
    version: Number(String(headers.ce_aggregateversion)),
    status: String(STATUS_AFTER[String(headers.ce_type) as OrderEventType]),
    place: placeOf(record),
    damaged: record.damage !== undefined
  }
}

function newestOf<T extends Effect> (effects: readonly T[]): Map<string, T> {
  const newest = new Map<string, T>()
  for (const effect of effects) if ((newest.get(effect.orderId)?.version ?? 0) < effect.version) newest.set(effect.orderId, effect)
  return newest
}

/** An order has one event for each version. */
function keyOf ({ orderId, version }: Pick<Effect, 'orderId' | 'version'>): string {
  return `${orderId}/${version}`
}

/** What an event is known by besides: it leads to one status. */
function nameOf (effect: Effect): string {
  return `${keyOf(effect)} ${effect.status}`
}

function missing (from: ReadonlySet<string>, among: ReadonlySet<string>): string[] {
  return [...from].filter((name) => !among.has(name))
}
