import type { OutboxEvent } from './event.ts'
import type { Row, SqlClient } from './sql-client.ts'

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
}

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
  const { rows } = await client.query({
    name: options.shards === 1 ? 'outbox_read' : 'outbox_read_shard',
    text: options.shards === 1 ? READ_ALL : READ_SHARD,
    values: [
      String(options.after), options.inFlight, options.maxEvents, options.maxBytes,
      ...(options.shards === 1 ? [] : [options.shard, options.shards])
    ]
  })
  return rows.map(toEvent)
}

// The running sum keeps a thousand events of a megabyte each from reaching this process at once. MATERIALIZED: else the
// payload would be turned into text twice.
const READ_ALL = readStatement('')
// The mask, not abs(): abs() of the smallest bigint is an error.
const READ_SHARD = readStatement(`
      AND (hashtextextended(aggregate_id, hashtext(aggregate_type)) & 9223372036854775807) % $6 = $5`)

function readStatement (shardCondition: string): string {
  return `
  WITH waiting AS MATERIALIZED (
    SELECT id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type,
           payload::text AS payload, headers::text AS headers, created_at
    FROM outbox_events AS e
    WHERE id > $1 AND id <> ALL ($2::bigint[])${shardCondition}
      AND NOT EXISTS (
        SELECT FROM outbox_dead_letters AS d
        WHERE d.blocking AND d.aggregate_type = e.aggregate_type AND d.aggregate_id = e.aggregate_id AND d.id < e.id)
    ORDER BY id
    LIMIT $3
  ), summed AS (
    SELECT *, sum(octet_length(payload) + octet_length(headers)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS bytes,
           row_number() OVER (ORDER BY id) AS position
    FROM waiting
  )
  SELECT id::text, event_id::text, aggregate_type, aggregate_id, aggregate_version::text, event_type, payload, headers,
         to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at
  FROM summed
  WHERE bytes <= $4 OR position = 1
  -- Not "id" alone: that is the text above, and of the texts "10" comes before "9".
  ORDER BY summed.id`
}

function toEvent (row: Row): OutboxEvent {
  return {
    id: BigInt(row.id as string),
    eventId: row.event_id as string,
    aggregateType: row.aggregate_type as string,
    aggregateId: row.aggregate_id as string,
    aggregateVersion: row.aggregate_version as string,
    eventType: row.event_type as string,
    payload: row.payload as string,
    headers: row.headers as string,
    createdAt: row.created_at as string
  }
}
