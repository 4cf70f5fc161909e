import { encodeCloudEvent } from '@orders/contracts/cloud-events'
import type { EventRecord } from '@orders/kafka'
import type { OutboxEvent } from '@orders/outbox'
import type { TopicMap } from './topics.ts'

/** Events that are published together, and their records. */
export interface Batch {
  events: readonly OutboxEvent[]
  /** The ids as Postgres takes them. */
  ids: readonly string[]
  records: readonly EventRecord[]
}

export interface RecordOptions {
  topics: TopicMap
  /** The CloudEvents `source` of every event. */
  source: string
}

export function toBatch (events: readonly OutboxEvent[], options: RecordOptions): Batch {
  return {
    events,
    ids: events.map(({ id }) => String(id)),
    records: events.map((event) => toRecord(event, options))
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
  }, { source })
  // No time stamp: an event published late would carry one older than the topic's retention, and vanish at once.
  return {
    topic: topics.topicOf(event.aggregateType),
    key: record.key,
    value: record.value,
    headers: event.headers === '{}' ? record.headers : { ...storedHeaders(event.headers), ...record.headers }
  }
}

/** A writer in another language may have stored numbers; Kafka's headers are bytes. */
function storedHeaders (json: string): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(JSON.parse(json) as Record<string, unknown>)) {
    headers[name] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  return headers
}

/** Payload and headers of one record as Kafka counts them, roughly: the broker has the last word. */
export function sizeOf (record: EventRecord): number {
  let bytes = Buffer.byteLength(record.value ?? '') + Buffer.byteLength(record.key ?? '')
  for (const [name, value] of Object.entries(record.headers)) bytes += name.length + Buffer.byteLength(String(value)) + 2
  return bytes
}
