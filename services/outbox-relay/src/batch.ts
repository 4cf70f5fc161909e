import { encodeCloudEvent } from '@orders/contracts/cloud-events'
import type { EventRecord } from '@orders/kafka'
import type { EventNames, OutboxEvent } from '@orders/outbox'
import type { TopicMap } from './topics.ts'

/** Events that are published together, and their records. */
export interface Batch extends EventNames {
  events: readonly OutboxEvent[]
  records: readonly EventRecord[]
  /** Whether it ended at its limits, so that there is probably more. */
  isFull: boolean
}

export interface RecordOptions {
  topics: TopicMap
  /** The CloudEvents `source` of every event. */
  source: string
}

export function toBatch (events: readonly OutboxEvent[], isFull: boolean, options: RecordOptions): Batch {
  return {
    events,
    ids: events.map(({ id }) => id),
    eventIds: events.map(({ eventId }) => eventId),
    records: events.map((event) => toRecord(event, options)),
    isFull
  }
}

function toRecord (event: OutboxEvent, { topics, source }: RecordOptions): EventRecord {
  const record = encodeCloudEvent({
    id: event.eventId,
    type: event.eventType,
    time: event.createdAt,
    aggregateType: event.aggregateType,
    aggregateId: event.aggregateId,
    aggregateVersion: event.aggregateVersion,
    data: event.payload
  }, { source, carried: event.headers === '{}' ? {} : storedHeaders(event.headers) })
  // No time stamp: an event published late would carry one older than the topic's retention, and vanish at once.
  return { topic: topics.topicOf(event.aggregateType), ...record }
}

/** Strings, nearly always. A writer in another language may have stored something else; Kafka's headers are bytes. */
function storedHeaders (json: string): Record<string, string> {
  const headers = JSON.parse(json) as Record<string, unknown>
  if (Object.values(headers).every((value) => typeof value === 'string')) return headers as Record<string, string>
  const exact = JSON.parse(json, keepDigits) as Record<string, unknown>
  return Object.fromEntries(Object.entries(exact).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]))
}

/** A number as it is written: as a JavaScript number, 12345678901234567890 would lose its last digits. */
function keepDigits (_name: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined ? rawJSON(context.source) : value
}

/** Of ECMAScript; TypeScript's library does not have it yet. */
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown }

/** Names of the headers that every event has, and what is in them besides the event's own texts. */
const FIXED_BYTES = 512

/** Never less than {@link recordBytes}, and found without a look at every header of every record. */
export function sizeAtMost ({ payload, headers, aggregateType, aggregateId, eventType }: OutboxEvent, { headers: { ce_source: source } }: EventRecord): number {
  // Each character is three bytes at most. The id is a key and a header. Of a stored header neither text is longer than its
  // JSON, and each counts two bytes of its own, as many as its quotes.
  const characters = payload.length + headers.length + aggregateType.length + aggregateId.length * 2 + eventType.length + (source?.length ?? 0)
  return characters * 3 + FIXED_BYTES
}
