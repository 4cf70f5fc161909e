import type { OutboxEvent } from './event.ts'
import { idArray, type SqlClient } from './sql-client.ts'

export interface ReadOptions {
  /** This shard, counted from 0, of how many. */
  shard: number
  shards: number
  /**
   * Skip the ids up to this one: no event with such an id exists, and none can still appear (see {@link ScanBound}).
   * 0n reads everything.
   */
  after: bigint
  /** The events of the batch now in flight: they exist still, and must not be read again. */
  inFlight: readonly string[]
  maxEvents: number
  /** Payload and headers together. The first event is read whatever its size. */
  maxBytes: number
  /** Leaves aggregate types out, such as those whose topic is missing; all are read when it is left out. */
  types?: TypeFilter | undefined
}

/** Which aggregate types are read: these alone, or all but these. */
export type TypeFilter = { only: readonly string[] } | { except: readonly string[] }

/**
 * For the sessions that call {@link readBatch}: one plan for good, along the primary key. Left to choose, Postgres plans
 * each read anew, which takes longer than the read; and where its statistics still tell of a nearly empty table it fetches
 * and sorts the whole backlog for a batch of a thousand.
 */
export const READ_SESSION_OPTIONS = '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off'

/**
 * Reads the next batch in the order of ids.
 *
 * Existence is the only criterion. `id > last published` would lose every event whose transaction commits late, and so
 * would the creation time; `(xid, id)` turns the events of one aggregate round when a writer took its transaction id
 * before it waited for the aggregate's lock.
 *
 * Events behind a blocking dead letter of their aggregate are left where they are.
 */
export async function readBatch (client: SqlClient, options: ReadOptions): Promise<OutboxEvent[]> {
  const { shard, shards, types } = options
  const values: unknown[] = [String(options.after), idArray(options.inFlight), options.maxEvents, options.maxBytes]
  const parameter = (value: unknown) => `$${values.push(value)}`
  let name = 'outbox_read'
  let condition = ''
  if (shards > 1) {
    name += '_shard'
    // The mask, not abs(): abs() of the smallest bigint is an error.
    condition += ` AND (hashtextextended(aggregate_id, hashtext(aggregate_type)) & 9223372036854775807) % ${parameter(shards)} = ${parameter(shard)}`
  }
  if (types !== undefined) {
    name += 'only' in types ? '_only' : '_except'
    condition += 'only' in types
      ? ` AND aggregate_type = ANY (${parameter(types.only)}::text[])`
      : ` AND aggregate_type <> ALL (${parameter(types.except)}::text[])`
  }
  const { rows } = await client.query({ name, text: readStatement(condition), rowMode: 'array', values })
  return (rows as unknown as EventRow[]).map(toEvent)
}

/**
 * What it is made of, each measured to be the cheapest in Postgres:
 * - The running sum keeps a thousand events of a megabyte each from reaching this process at once. The LIMIT below it
 *   keeps the planner from turning the payload into text once for the sum and once more for the result.
 * - NOT IN with a subquery becomes one hash table; `<> ALL` compares each row with each id.
 * - Nearly always there is no blocking dead letter at all, which is found out once and not for each row.
 * - to_json prints the time as RFC 3339 whatever the session's DateStyle, in half the time of to_char.
 */
function readStatement (condition: string): string {
  return `
  SELECT id::text, event_id::text, aggregate_type, aggregate_id, aggregate_version::text, event_type, payload, headers,
         to_json(created_at AT TIME ZONE 'UTC')::text
  FROM (
    SELECT *, sum(octet_length(payload) + octet_length(headers)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS bytes
    FROM (
      SELECT id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type,
             payload::text AS payload, headers::text AS headers, created_at
      FROM outbox_events AS e
      WHERE id > $1 AND id NOT IN (SELECT unnest($2::bigint[]))${condition}
        AND (NOT EXISTS (SELECT FROM outbox_dead_letters WHERE blocking) OR NOT EXISTS (
          SELECT FROM outbox_dead_letters AS d
          WHERE d.blocking AND d.aggregate_type = e.aggregate_type AND d.aggregate_id = e.aggregate_id AND d.id < e.id))
      ORDER BY id
      LIMIT $3
    ) AS waiting
  ) AS summed
  -- The first one whatever its size.
  WHERE bytes <= $4 OR bytes = octet_length(payload) + octet_length(headers)
  -- Not "id" alone: that is the text above, and of the texts "10" comes before "9".
  ORDER BY summed.id`
}

/** As an array: of rows as objects, a driver makes one for each only to be thrown away here. */
type EventRow = readonly [
  id: string, eventId: string, aggregateType: string, aggregateId: string, aggregateVersion: string, eventType: string,
  payload: string, headers: string, createdAt: string
]

function toEvent ([id, eventId, aggregateType, aggregateId, aggregateVersion, eventType, payload, headers, createdAt]: EventRow): OutboxEvent {
  return {
    id, eventId, aggregateType, aggregateId, aggregateVersion, eventType, payload, headers, createdAt: `${createdAt.slice(1, -1)}Z`
  }
}
