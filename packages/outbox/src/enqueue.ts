import { v7 as uuidv7, validate as isUuid } from 'uuid'
import { InvalidEventError } from './errors.ts'
import type { NewEvent } from './event.ts'
import type { SqlClient } from './sql-client.ts'

const MAX_NAME_LENGTH = 255

/**
 * Writes events into the outbox. Call it inside the transaction that makes them true, after the statement that locked
 * or created their aggregate: that order is what keeps the events of one aggregate in the order of their versions.
 *
 * Needs INSERT on `outbox_events` and no more: it does not read back what it wrote.
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
    // ORDER BY: ids have to rise in the order given, and without it an unnest makes no such promise.
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
    payload: json('payload', event.payload),
    headers: json('headers', headers(event.headers ?? {}))
  }
}

function name (field: string, value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_NAME_LENGTH || value.includes('\0')) {
    throw new InvalidEventError(field, `a string of 1 to ${MAX_NAME_LENGTH} characters without NUL`, value)
  }
  return value
}

function version (value: unknown): string {
  if ((typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) && value > 0) return String(value)
  throw new InvalidEventError('aggregateVersion', 'a whole number above 0', value)
}

function headers (value: Record<string, string>): Record<string, string> {
  for (const [key, text] of Object.entries(value)) {
    if (key === '' || typeof text !== 'string') throw new InvalidEventError(`headers.${key}`, 'a string', text)
  }
  return value
}

function json (field: string, value: unknown): string {
  const text: unknown = JSON.stringify(value)
  if (typeof text !== 'string') throw new InvalidEventError(field, 'a JSON value', value)
  // jsonb refuses U+0000; found here, the error names the field and the transaction is not aborted. An odd number of
  // backslashes before it: "\\u0000" is the text \u0000 and fine.
  if (/(?<!\\)(?:\\\\)*\\u0000/.test(text)) throw new InvalidEventError(field, 'JSON without the character U+0000', value)
  return text
}
