import { v7 as uuidv7, validate as isUuid } from 'uuid'
import { InvalidEventError } from './errors.ts'
import type { NewEvent } from './event.ts'
import { isStorable, jsonText } from './json-text.ts'
import type { SqlClient } from './sql-client.ts'

const MAX_NAME_LENGTH = 255
/** The largest Postgres bigint. */
const MAX_VERSION = 2n ** 63n - 1n
/** The relay writes these headers itself: a stored one would be replaced silently. */
const RESERVED_HEADERS = new Set([
  'ce_specversion', 'ce_id', 'ce_source', 'ce_type', 'ce_time', 'ce_subject', 'ce_aggregatetype', 'ce_aggregateversion', 'content-type'
])

/**
 * Writes events into the outbox. Call it in the transaction of the change, after the statement that locked or created the aggregate:
 * this keeps the events of one aggregate in the order of their versions.
 *
 * Needs only INSERT on `outbox_events`: it does not read back what it wrote.
 *
 * @returns the ids of the events, in the order given
 * @throws InvalidEventError before anything is sent to Postgres
 */
export async function enqueue (client: SqlClient, events: NewEvent | readonly NewEvent[]): Promise<string[]> {
  const list = isList(events) ? events : [events]
  if (list.length === 0) return []
  const rows = list.map(toRow)
  await client.query({
    name: 'outbox_enqueue',
    // ORDER BY: the ids have to rise in the given order, which unnest alone does not guarantee.
    text: `INSERT INTO outbox_events
             (event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers)
           SELECT event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload::jsonb, headers::jsonb
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY
             AS e (event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers, position)
           ORDER BY position`,
    values: [
      rows.map((row) => row.eventId),
      rows.map((row) => row.aggregateType),
      rows.map((row) => row.aggregateId),
      rows.map((row) => row.aggregateVersion),
      rows.map((row) => row.eventType),
      rows.map((row) => row.payload),
      rows.map((row) => row.headers)
    ]
  })
  return rows.map((row) => row.eventId)
}

function isList (events: NewEvent | readonly NewEvent[]): events is readonly NewEvent[] {
  return Array.isArray(events)
}

function toRow (event: NewEvent) {
  const eventId = event.eventId ?? uuidv7()
  if (typeof eventId !== 'string' || !isUuid(eventId)) throw new InvalidEventError('eventId', 'a UUID', eventId)
  return {
    eventId,
    aggregateType: name('aggregateType', event.aggregateType),
    aggregateId: name('aggregateId', event.aggregateId),
    aggregateVersion: version(event.aggregateVersion),
    eventType: name('eventType', event.eventType),
    payload: jsonText('payload', event.payload),
    headers: jsonText('headers', headers(event.headers ?? {}))
  }
}

function name (field: string, value: unknown): string {
  // Half a surrogate pair becomes U+FFFD on its way to Postgres: two aggregates could become one.
  if (typeof value !== 'string' || value === '' || value.length > MAX_NAME_LENGTH || !isStorable(value)) {
    throw new InvalidEventError(field, `a string of 1 to ${MAX_NAME_LENGTH} characters without U+0000 and lone surrogates`, value)
  }
  return value
}

function version (value: unknown): string {
  if ((typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) && value > 0 && value <= MAX_VERSION) return String(value)
  throw new InvalidEventError('aggregateVersion', `a whole number from 1 to ${MAX_VERSION}, as a bigint above ${Number.MAX_SAFE_INTEGER}`, value)
}

function headers (value: unknown): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidEventError('headers', 'an object of strings', value)
  for (const [key, text] of Object.entries(value)) {
    if (key === '' || key === '__proto__' || !isStorable(key)) throw new InvalidEventError('headers', 'an object of named headers', key)
    if (RESERVED_HEADERS.has(key.toLowerCase())) throw new InvalidEventError(`headers.${key}`, 'left to the relay, which writes it for every event', text)
    if (typeof text !== 'string' || !isStorable(text)) throw new InvalidEventError(`headers.${key}`, 'a string without U+0000 and lone surrogates', text)
  }
  return value
}
