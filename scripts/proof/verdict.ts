import { STATUS_AFTER, type OrderEventType } from '@orders/contracts'
import type { StoredRecord } from '@orders/kafka'
import type { AcceptedOrder } from './order-load.ts'

/** One row of the consumer's `order_history`, or the newest state of an order in its read model. */
export interface Effect {
  orderId: string
  version: number
  status: string
}

export interface Evidence {
  /** What the API accepted. */
  accepted: Iterable<AcceptedOrder>
  /** Requests of which nobody knows whether they were carried out. */
  unanswered: number
  /** The whole topic, by partition in the order of offsets. */
  records: readonly StoredRecord[]
  /** What took effect. */
  effects: readonly Effect[]
  /** How many effects the consumer counted; more than there are rows would be a double effect. */
  effectsCounted: number
  /** The read model: each order once. */
  views: readonly Effect[]
}

export interface Verdict {
  ordersAccepted: number
  eventsExpected: number
  /** Different events. */
  eventsInTopic: number
  duplicatesInTopic: number
  /** Expected, and not in the topic or without effect. */
  lost: number
  /** In the topic or in effect, and never accepted. */
  unexpected: number
  /** Events that came before a predecessor, or apart from it in another partition. */
  outOfOrder: number
  effects: number
  /** Effects that were counted twice or not at all, and orders that the read model shows otherwise than they were accepted. */
  wrongEffects: number
  unanswered: number
}

/** Compares what was accepted with what is in the topic and what took effect. Knows nothing of how it came there. */
export function judge ({ accepted, unanswered, records, effects, effectsCounted, views }: Evidence): Verdict {
  const orders = [...accepted]
  const expected = new Set(orders.flatMap(({ orderId, statuses }) =>
    statuses.map((status, index) => nameOf({ orderId, version: index + 1, status }))))
  const topic = readTopic(records)
  const inEffect = new Set(effects.map(nameOf))
  const newest = new Set(orders.map(({ orderId, statuses }) => nameOf({ orderId, version: statuses.length, status: statuses.at(-1) ?? '' })))
  const shown = new Set(views.map(nameOf))
  return {
    ordersAccepted: orders.length,
    eventsExpected: expected.size,
    eventsInTopic: topic.events.size,
    duplicatesInTopic: records.length - topic.events.size,
    lost: new Set([...missing(expected, topic.events), ...missing(expected, inEffect)]).size,
    unexpected: new Set([...missing(topic.events, expected), ...missing(inEffect, expected)]).size,
    outOfOrder: topic.outOfOrder,
    effects: effectsCounted,
    wrongEffects: Math.abs(effectsCounted - inEffect.size) + missing(newest, shown).length + missing(shown, newest).length,
    unanswered
  }
}

/** Nothing lost, doubled in effect, or out of order. A duplicate in the topic alone is for the delivery mode to forbid. */
export function isClean ({ lost, unexpected, outOfOrder, wrongEffects, unanswered }: Verdict): boolean {
  return lost + unexpected + outOfOrder + wrongEffects + unanswered === 0
}

/** What an event is known by: an order has one for each version, and it leads to one status. */
function nameOf ({ orderId, version, status }: Effect): string {
  return `${orderId}/${version} ${status}`
}

function missing (from: ReadonlySet<string>, among: ReadonlySet<string>): string[] {
  return [...from].filter((name) => !among.has(name))
}

function readTopic (records: readonly StoredRecord[]): { events: Set<string>, outOfOrder: number } {
  const events = new Set<string>()
  const orders = new Map<string, { version: number, partition: number }>()
  let outOfOrder = 0
  for (const { headers, partition } of records) {
    const orderId = String(headers.ce_subject)
    const version = Number(String(headers.ce_aggregateversion))
    const event = nameOf({ orderId, version, status: STATUS_AFTER[String(headers.ce_type) as OrderEventType] })
    // The order of first copies counts: a reader that knows the event skips a later copy.
    if (events.has(event)) continue
    events.add(event)
    const last = orders.get(orderId) ?? { version: 0, partition }
    if (version !== last.version + 1 || partition !== last.partition) outOfOrder++
    orders.set(orderId, { version: Math.max(version, last.version), partition: last.partition })
  }
  return { events, outOfOrder }
}
