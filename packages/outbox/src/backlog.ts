import type { TypeFilter } from './readable.ts'
import { onlyRow, type SqlClient } from './sql-client.ts'

/** Counting stops here: the exact length of a very long backlog is not worth reading all of it. */
const COUNT_LIMIT = 100_001
/** The same for counts that cost more, because each event's row has to be read. */
const ROW_LIMIT = 10_001
/** How many events one statement searches for the first one that can be published. */
const SCAN_LIMIT = 10_000
const SCAN_FOR_MS = 250
const AGAIN_AFTER_MS = 300_000

export interface Backlog {
  /** Events in the outbox, all of them. Counted up to 100,000; above, 100,001. */
  events: number
  /**
   * Age of the oldest event that can be published, by the database's clock: neither behind a dead letter nor withheld. 0 when there is
   * none. While the search has not passed a very long run of unpublishable events, the age of the first event that it has not seen.
   */
  oldestAgeMs: number
  /** Events behind a blocking dead letter of their aggregate. Counted up to 10,000; above, 10,001. */
  blockedEvents: number
  /** Age of the oldest blocking dead letter that events wait behind; 0 when there is none. */
  blockedAgeMs: number
  /** Events whose aggregate types are withheld. Counted up to 10,000; above, 10,001. */
  withheldEvents: number
  /** Age of the oldest of them; 0 when there is none. Like their number, from the 100,001 oldest events of the outbox. */
  withheldAgeMs: number
  deadLetters: number
}

/**
 * Measures the backlog for one reporter. Every relay has one, leader or not: otherwise no alert fires while no relay leads.
 *
 * The oldest event that can be published may be behind hundreds of thousands that cannot. So they are searched 10,000 at a time, for a
 * quarter of a second at most, and the next report goes on from there. The search starts again when something may have freed them (a
 * dead letter came or went, other types are withheld), and once in a while, for an event whose transaction committed late.
 */
export class BacklogMeter {
  #after = '0'
  #state = ''
  #startedAt = 0

  /** @param types the types that the relays read now; the others are withheld. undefined: all types are read */
  async measure (client: SqlClient, types?: TypeFilter): Promise<Backlog> {
    const { only, except } = { only: null, except: null, ...types }
    const { rows } = await client.query({ name: 'outbox_backlog', text: COUNTS, values: [only, except] })
    const row = onlyRow(rows, 'the backlog')
    const now = performance.now()
    const state = JSON.stringify([row.dead_letters, row.newest_letter, row.newest_replay, types])
    if (state !== this.#state || now - this.#startedAt > AGAIN_AFTER_MS) {
      this.#state = state
      this.#after = '0'
      this.#startedAt = now
    }
    return {
      events: row.events as number,
      oldestAgeMs: Math.max(0, await this.#oldestMs(client, only, except)),
      blockedEvents: row.blocked as number,
      blockedAgeMs: Math.max(0, row.blocked_ms as number),
      withheldEvents: row.withheld as number,
      withheldAgeMs: Math.max(0, row.withheld_ms as number),
      deadLetters: row.dead_letters as number
    }
  }

  async #oldestMs (client: SqlClient, only: readonly string[] | null, except: readonly string[] | null): Promise<number> {
    const giveUpAt = performance.now() + SCAN_FOR_MS
    for (;;) {
      const { rows } = await client.query({ name: 'outbox_oldest', text: OLDEST, values: [only, except, this.#after] })
      const { oldest_ms: oldestMs, scanned_to: scannedTo, next_ms: nextMs } = onlyRow(rows, 'the oldest event') as {
        oldest_ms: number | null, scanned_to: string | null, next_ms: number | null
      }
      if (oldestMs !== null) return oldestMs
      if (scannedTo !== null) this.#after = scannedTo
      if (nextMs === null || performance.now() > giveUpAt) return nextMs ?? 0
    }
  }
}

/** The backlog now. A reporter that asks again and again uses {@link BacklogMeter}. */
export async function backlog (client: SqlClient, types?: TypeFilter): Promise<Backlog> {
  return new BacklogMeter().measure(client, types)
}

/** An infinite time has no age. */
const ageMs = (time: string) => `CASE WHEN isfinite(${time}) THEN extract(epoch FROM clock_timestamp() - ${time}) * 1000 END`

/** $1: the only types that are read. $2: the types that are not read. Without either, nothing is withheld. */
const IS_WITHHELD = '(aggregate_type <> ALL ($1::text[]) OR aggregate_type = ANY ($2::text[]))'
/** Depends on no row: Postgres evaluates it once, and reads no event when nothing is withheld. */
const SOMETHING_IS_WITHHELD = '($1::text[] IS NOT NULL OR $2::text[] IS NOT NULL)'

/** No part of it reads more than its limit. A LIMIT below a condition bounds the rows that are read, one above it the rows that are found. */
const COUNTS = `
  WITH letters AS MATERIALIZED (
    SELECT aggregate_type, aggregate_id, min(id) AS id, min(failed_at) AS failed_at
    FROM (SELECT id, aggregate_type, aggregate_id, failed_at FROM outbox_dead_letters WHERE blocking LIMIT ${ROW_LIMIT}) AS d
    GROUP BY aggregate_type, aggregate_id
  ), blocked AS MATERIALIZED (
    SELECT l.failed_at FROM letters AS l
    JOIN outbox_events AS e ON e.aggregate_type = l.aggregate_type AND e.aggregate_id = l.aggregate_id AND e.id > l.id
    LIMIT ${ROW_LIMIT}
  ), withheld AS MATERIALIZED (
    SELECT created_at FROM (
      SELECT id, created_at, aggregate_type FROM outbox_events WHERE ${SOMETHING_IS_WITHHELD} ORDER BY id LIMIT ${COUNT_LIMIT}
    ) AS e
    WHERE ${IS_WITHHELD} ORDER BY id LIMIT ${ROW_LIMIT}
  ), aside AS MATERIALIZED (
    SELECT count(*)::int AS count, max(failed_at)::text AS newest_letter, max(replayed_at)::text AS newest_replay
    FROM (SELECT failed_at, replayed_at FROM outbox_dead_letters LIMIT ${COUNT_LIMIT}) AS d
  )
  SELECT (SELECT count(*)::int FROM (SELECT FROM outbox_events LIMIT ${COUNT_LIMIT}) AS waiting) AS events,
         (SELECT count(*)::int FROM blocked) AS blocked,
         coalesce((SELECT ${ageMs('min(failed_at)')} FROM blocked), 0)::float8 AS blocked_ms,
         (SELECT count(*)::int FROM withheld) AS withheld,
         coalesce((SELECT ${ageMs('created_at')} FROM withheld LIMIT 1), 0)::float8 AS withheld_ms,
         aside.count AS dead_letters, aside.newest_letter, aside.newest_replay
  FROM aside`

/** By id, not by time: the oldest event is at the head of the primary key, and no index on the time is needed. */
const OLDEST = `
  WITH head AS MATERIALIZED (
    SELECT created_at FROM (
      SELECT id, created_at, aggregate_type, aggregate_id FROM outbox_events WHERE id > $3::bigint ORDER BY id LIMIT ${SCAN_LIMIT}
    ) AS e
    WHERE isfinite(created_at) AND NOT coalesce(${IS_WITHHELD}, false) AND NOT EXISTS (
      SELECT FROM outbox_dead_letters AS d
      WHERE d.blocking AND d.aggregate_type = e.aggregate_type AND d.aggregate_id = e.aggregate_id AND d.id < e.id)
    ORDER BY id LIMIT 1
  ), scanned AS MATERIALIZED (
    SELECT max(id) AS id FROM (
      SELECT id FROM outbox_events WHERE id > $3::bigint AND NOT EXISTS (SELECT FROM head) ORDER BY id LIMIT ${SCAN_LIMIT}
    ) AS e
  )
  SELECT (SELECT ${ageMs('created_at')} FROM head)::float8 AS oldest_ms,
         (SELECT id::text FROM scanned) AS scanned_to,
         -- The event after those: no event that was not searched is older.
         (SELECT coalesce(${ageMs('created_at')}, 0) FROM outbox_events AS n WHERE n.id > (SELECT s.id FROM scanned AS s) ORDER BY n.id LIMIT 1)::float8 AS next_ms`
