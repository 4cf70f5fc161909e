import { encodeCloudEvent } from '@orders/contracts/cloud-events'
import type { EventRecord } from '@orders/kafka'
import type { EventNames, OutboxEvent } from '@orders/outbox'
import type { TopicMap } from './topics.ts'

/** Events that are published together, and their records. */
export interface Batch extends EventNames {
  events: readonly OutboxEvent[]
  records: readonly EventRecord[]
  /** Events of which no record can be made. They are in none of the lists above. */
  unencodable: readonly UnencodableEvent[]
  /** Whether it ended at its limits, so that there is probably more. */
  isFull: boolean
}

export interface UnencodableEvent {
  event: OutboxEvent
  /** What was expected and what was found. */
  reason: string
}

export interface RecordOptions {
  topics: TopicMap
  /** The CloudEvents `source` of every event. */
  source: string
}

export function toBatch (events: readonly OutboxEvent[], isFull: boolean, options: RecordOptions): Batch {
  const encoded: OutboxEvent[] = []
  const records: EventRecord[] = []
  const unencodable: UnencodableEvent[] = []
  for (const event of events) {
    try {
      records.push(toRecord(event, options))
      encoded.push(event)
    } catch (error) {
      // Whatever the reason: thrown on, it would stop every event behind this one, for ever.
      unencodable.push({ event, reason: `no record can be made of it: ${(error as Error).message}` })
    }
  }
  return {
    events: encoded, ids: encoded.map(({ id }) => id), eventIds: encoded.map(({ eventId }) => eventId), records, unencodable, isFull
  }
}

/**
 * As Postgres prints a time that CloudEvents can carry. It has others: infinity, years before Christ and after 9999. Passed on,
 * such a time would fail every reader of the record.
 */
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z$/

function toRecord (event: OutboxEvent, { topics, source }: RecordOptions): EventRecord {
  if (!RFC_3339.test(event.createdAt)) throw new Error(`expected a created_at that RFC 3339 can write (years 0001 to 9999), found ${event.createdAt.replace(/Z$/, '')}`)
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
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) throw new Error(`expected headers that are a JSON object, found ${json.slice(0, 40)}`)
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
