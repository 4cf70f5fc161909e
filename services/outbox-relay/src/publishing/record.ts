import { encodeCloudEvent } from '@orders/contracts/cloud-events'
import { recordBytes, type EventRecord } from '@orders/kafka'
import type { OutboxEvent } from '@orders/outbox'
import type { TopicMap } from './topics.ts'

export interface RecordOptions {
  topics: TopicMap
  /** The CloudEvents `source` of every event. */
  source: string
  /**
   * RELAY_MAX_RECORD_BYTES. A larger record is not even sent: a broker that receives a request above its limit closes the
   * connection without an answer.
   */
  maxRecordBytes: number
}

/**
 * The Kafka record of an event.
 *
 * @throws Error when the event has no record, or too large a one: what was expected, and what was found
 */
export function toRecord (event: OutboxEvent, { topics, source, maxRecordBytes }: RecordOptions): EventRecord {
  const record = encode(event, topics.topicOf(event.aggregateType), source)
  const bytes = event.withheldBytes ?? (sizeAtMost(event, record) <= maxRecordBytes ? 0 : recordBytes(record))
  if (bytes > maxRecordBytes || event.withheldBytes !== undefined) {
    throw new Error(`expected at most ${maxRecordBytes} bytes (RELAY_MAX_RECORD_BYTES), found ${Number.isFinite(bytes) ? bytes : 'more than Postgres can print in time'}`)
  }
  return record
}

function encode (event: OutboxEvent, topic: string, source: string): EventRecord {
  try {
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
    // Without a timestamp: an event that is published late would have one older than the topic's retention, and be deleted at once.
    return { topic, ...record }
  } catch (error) {
    throw new Error(`no record can be made of it: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * The times that CloudEvents can represent, as Postgres prints them. Postgres has others: infinity, years before Christ, years after
 * 9999. Such a time would fail every reader of the record.
 */
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z$/

/** Nearly always strings. A writer in another language may have stored other JSON values; Kafka's headers are bytes. */
function storedHeaders (json: string): Record<string, string> {
  const headers = JSON.parse(json) as Record<string, unknown>
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) throw new Error(`expected headers that are a JSON object, found ${json.slice(0, 40)}`)
  if (Object.values(headers).every((value) => typeof value === 'string')) return headers as Record<string, string>
  const exact = JSON.parse(json, keepDigits) as Record<string, unknown>
  return Object.fromEntries(Object.entries(exact).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]))
}

/** Keeps a number as it is written. As a JavaScript number, 12345678901234567890 would lose its last digits. */
function keepDigits (_name: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined ? rawJSON(context.source) : value
}

/** An ECMAScript function that TypeScript's library does not have yet. */
const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown }

/** The names of the headers that every event has, and their values apart from the event's own texts. */
const FIXED_BYTES = 512

/** An upper bound of {@link recordBytes} that does not look at each header of each record. */
function sizeAtMost ({ payload, headers, aggregateType, aggregateId, eventType }: OutboxEvent, { headers: { ce_source: source } }: EventRecord): number {
  // A character has three bytes at most. The id is the key and a header. A stored header's texts are no longer than their JSON,
  // and the two bytes that each costs are no more than its quotes.
  const characters = payload.length + headers.length + aggregateType.length + aggregateId.length * 2 + eventType.length + (source?.length ?? 0)
  return characters * 3 + FIXED_BYTES
}
