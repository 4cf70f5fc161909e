import type { OutboxEvent } from './event.ts'
import { readable, type ReadScope } from './readable.ts'
import { idArray, type SqlClient } from './sql-client.ts'

export interface ReadOptions extends ReadScope {
  /** Skips the ids up to this one: no event with such an id can be read now (see {@link ScanBound}), or see `bound`. */
  after: bigint
  /** Skips the ids above this one. */
  upTo?: bigint | undefined
  /**
   * For an `after` above the proven bound: leaves out events whose aggregate has another event between this bound and `after`. Reading
   * them first would publish the aggregate's events out of order.
   */
  bound?: bigint | undefined
  /** The ids of events in flight: they still exist, and must not be read again. */
  inFlight: readonly string[]
  maxEvents: number
  /** Payload and headers together. The first event is read whatever its size, up to `maxEventBytes`. */
  maxBytes: number
  /** Payload and headers of larger events are not read (see {@link OutboxEvent.withheldBytes}). No limit if not set. */
  maxEventBytes?: number | undefined
}

/**
 * For the sessions that call {@link readBatch}: one fixed plan, along the primary key. Otherwise Postgres plans each read anew, which takes
 * longer than the read. And while its statistics still say that the table is nearly empty, it fetches and sorts the whole backlog for
 * a batch of a thousand. No JIT: with sequential scans disabled, a table without an index looks
 * expensive enough to compile the statement.
 */
export const READ_SESSION_OPTIONS = '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off -c jit=off'

const HIGHEST_ID = 9_223_372_036_854_775_807n

/**
 * Reads the next batch in the order of ids.
 *
 * Existence is the only criterion. `id > last published` would lose every event whose transaction commits late, and so would the
 * creation time. `(xid, id)` would publish an aggregate's events out of order when a writer took its transaction id before it waited for
 * the aggregate's lock.
 *
 * Events behind a blocking dead letter of their aggregate are not read.
 */
export async function readBatch (client: SqlClient, options: ReadOptions): Promise<OutboxEvent[]> {
  const { after, upTo = HIGHEST_ID, bound, inFlight, maxEvents, maxBytes, maxEventBytes } = options
  const values: unknown[] = [
    String(after), idArray(inFlight), maxEvents, maxBytes, String(upTo), maxEventBytes ?? String(HIGHEST_ID)
  ]
  const parameter = (value: unknown) => `$${values.push(value)}`
  let { name, condition } = readable(options, parameter)
  if (bound !== undefined && bound < after) {
    name += '_guarded'
    condition += notOvertaking(parameter(String(bound)))
  }
  const { rows } = await client.query({ name: `outbox_read${name}`, text: readStatement(condition), rowMode: 'array', values })
  return (rows as unknown as EventRow[]).map(toEvent)
}

/**
 * Uses the index of the aggregate, however many ids are between the two. The sum and the LIMIT keep the planner from walking the primary
 * key between them, and from one join for all rows.
 */
function notOvertaking (bound: string): string {
  return `
        AND (SELECT true FROM outbox_events AS b
             WHERE b.aggregate_type = e.aggregate_type AND b.aggregate_id = e.aggregate_id AND b.id + 0 > ${bound} AND b.id + 0 <= $1
             LIMIT 1) IS NULL`
}

/**
 * The parts of the statement, each measured to be the cheapest way in Postgres:
 * - The cost of a batch depends on its bytes, not on how many events wait. pg_column_size unpacks nothing, so a first running sum of it
 *   ends the batch before any payload is read. The exact sum of the texts then cuts it.
 * - A payload that is certainly too large is not turned into text: as JSON text it is an eighth of its stored size at least.
 *   ROW() unpacks a compressed one, and no more.
 * - LIMIT and OFFSET keep the planner from turning the payload into text once for the sum and once more for the result.
 * - NOT IN with a subquery becomes one hash table; `<> ALL` compares each row with each id.
 * - to_json prints the time as RFC 3339 whatever the session's DateStyle, in half the time of to_char.
 */
function readStatement (condition: string): string {
  return `
  SELECT id::text, event_id::text, aggregate_type, aggregate_id, aggregate_version::text, event_type,
         CASE WHEN ${TOO_LARGE} THEN NULL ELSE payload END, CASE WHEN ${TOO_LARGE} THEN NULL ELSE headers END,
         to_json(created_at AT TIME ZONE 'UTC')::text,
         CASE WHEN ${TOO_LARGE} THEN coalesce(octet_length(payload) + octet_length(headers), stored_bytes) END
  FROM (
    SELECT *, sum(${TEXT_BYTES}) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS bytes
    FROM (
      SELECT id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type, created_at, stored_bytes,
             CASE WHEN ${IS_PRINTED} THEN payload::text END AS payload, CASE WHEN ${IS_PRINTED} THEN headers::text END AS headers
      FROM (
        SELECT *, sum(${WEIGHT}) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS weights
        FROM (
          SELECT id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers, created_at,
                 pg_column_size(payload) + pg_column_size(headers) AS stored_bytes,
                 pg_column_compression(payload) IS NOT NULL OR pg_column_compression(headers) IS NOT NULL AS packed
          FROM outbox_events AS e
          WHERE id > $1::bigint AND id <= $5::bigint AND id NOT IN (SELECT unnest($2::bigint[]))${condition}
          ORDER BY e.id
          LIMIT $3
        ) AS waiting
      ) AS weighed
      -- The first one whatever its size.
      WHERE weights <= $4::bigint OR weights = ${WEIGHT}
      ORDER BY weighed.id
      OFFSET 0
    ) AS printed
  ) AS summed
  WHERE bytes <= $4::bigint OR bytes = ${TEXT_BYTES}
  -- Not "id" alone: that is the text above, and of the texts "10" comes before "9".
  ORDER BY summed.id`
}

/** The weight of a value before its text is known. An integer, because sums of numeric take several times as long. */
const WEIGHT = '(CASE WHEN packed THEN least(stored_bytes, 100000000) * 4 ELSE stored_bytes / 2 END)'
const TEXT_BYTES = 'coalesce(octet_length(payload) + octet_length(headers), 0)'
const IS_PRINTED = `(stored_bytes / 8 <= $6::bigint
                        AND (NOT packed OR (pg_column_size(ROW(payload)) + pg_column_size(ROW(headers))) / 8 <= $6::bigint))`
/** The text of a header may be six times as long as the header. */
const TOO_LARGE = '(payload IS NULL OR octet_length(payload) + octet_length(headers) / 6 > $6::bigint)'

/** Rows as arrays: the driver would make an object of each row, only to be discarded here. */
type EventRow = readonly [
  id: string, eventId: string, aggregateType: string, aggregateId: string, aggregateVersion: string, eventType: string,
  payload: string | null, headers: string | null, createdAt: string, withheldBytes: number | null
]

function toEvent ([id, eventId, aggregateType, aggregateId, aggregateVersion, eventType, payload, headers, createdAt, withheldBytes]: EventRow): OutboxEvent {
  return {
    id,
    eventId,
    aggregateType,
    aggregateId,
    aggregateVersion,
    eventType,
    payload: payload ?? 'null',
    headers: headers ?? '{}',
    createdAt: `${createdAt.slice(1, -1)}Z`,
    ...(withheldBytes === null ? {} : { withheldBytes })
  }
}
