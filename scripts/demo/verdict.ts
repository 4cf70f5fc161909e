import type { StoredRecord } from '@orders/kafka'
import type { AcceptedOrder } from './order-load.ts'

/** One row of the consumer's `order_history`. */
export interface Effect {
  orderId: string
  version: number
  status: string
}

export interface Evidence {
  /** What the API accepted. */
  accepted: Iterable<AcceptedOrder>
  /** The whole topic, by partition in the order of offsets. */
  records: readonly StoredRecord[]
  /** What took effect. */
  effects: readonly Effect[]
  /** How many effects the consumer counted; more than there are rows would be a double effect. */
  effectsCounted: number
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
  /** Effects beyond one for each expected event, and effects with another status than was accepted. */
  wrongEffects: number
}

/** Compares what was accepted with what is in the topic and what took effect. Knows nothing of how it came there. */
export function judge ({ accepted, records, effects, effectsCounted }: Evidence): Verdict {
  const expected = new Map<string, string>()
  let ordersAccepted = 0
  for (const { orderId, statuses } of accepted) {
    ordersAccepted++
    statuses.forEach((status, index) => expected.set(`${orderId}/${index + 1}`, status))
  }
  const topic = readTopic(records)
  const inEffect = new Map(effects.map(({ orderId, version, status }) => [`${orderId}/${version}`, status]))
  const missing = [...expected.keys()].filter((event) => !topic.events.has(event) || !inEffect.has(event))
  const extra = new Set([...topic.events, ...inEffect.keys()].filter((event) => !expected.has(event)))
  const wrongStatus = [...inEffect].filter(([event, status]) => expected.has(event) && expected.get(event) !== status)
  return {
    ordersAccepted,
    eventsExpected: expected.size,
    eventsInTopic: topic.events.size,
    duplicatesInTopic: records.length - topic.events.size,
    lost: missing.length,
    unexpected: extra.size,
    outOfOrder: topic.outOfOrder,
    effects: effectsCounted,
    wrongEffects: wrongStatus.length + Math.abs(effectsCounted - inEffect.size)
  }
}

/** Nothing lost, doubled in effect, or out of order. A duplicate in the topic alone is for the delivery mode to forbid. */
export function isClean (verdict: Verdict): boolean {
  return verdict.lost === 0 && verdict.unexpected === 0 && verdict.outOfOrder === 0 && verdict.wrongEffects === 0
}

function readTopic (records: readonly StoredRecord[]): { events: Set<string>, outOfOrder: number } {
  const events = new Set<string>()
  const orders = new Map<string, { version: number, partition: number }>()
  let outOfOrder = 0
  for (const { headers, partition } of records) {
    const orderId = String(headers.ce_subject)
    const version = Number(String(headers.ce_aggregateversion))
    const event = `${orderId}/${version}`
    // The order of first copies counts: a reader that knows the event skips a later copy.
    if (events.has(event)) continue
    events.add(event)
    const last = orders.get(orderId)
    if (version !== (last?.version ?? 0) + 1 || (last !== undefined && last.partition !== partition)) outOfOrder++
    orders.set(orderId, { version: Math.max(version, last?.version ?? 0), partition: last?.partition ?? partition })
  }
  return { events, outOfOrder }
}
