import type { TypeFilter } from './readable.ts'
import { ScanRange } from './scan-range.ts'
import { onlyRow, type SqlClient } from './sql-client.ts'

/** Counting stops here: the exact length of a very long backlog is not worth reading all of it. */
const COUNT_LIMIT = 100_001
/** The same for counts that cost more, because each event's row has to be read. */
const ROW_LIMIT = 10_001
/** How many events one statement looks at. */
const STEP_LIMIT = 10_000
/** The longest time of each of the two walks of one report, in milliseconds. */
const WALK_FOR_MS = 250
const AGAIN_AFTER_MS = 300_000
const HIGHEST_ID = 9_223_372_036_854_775_807n

export interface Backlog {
  /**
   * Events in the outbox, all of them. Counted up to 100,000; above, 100,001. Those behind a dead letter that the relays do not scan any
   * more are counted up to 10,000.
   */
  events: number
  /**
   * Age of the oldest event that can be published, by the database's clock: neither behind a dead letter nor withheld. 0 when there is
   * none. While the search has not passed a very long run of unpublishable events, the age of the last event that it has passed.
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

/** A walk along the ids that counts. It may take several reports. */
interface Count {
  /** Counted up to this id. */
  after: bigint
  events: number
  withheld: number
  /** When the first withheld event was written, by this process's monotonic clock. */
  withheldSince: number | undefined
}

interface Scope {
  client: SqlClient
  only: readonly string[] | null
  except: readonly string[] | null
  /** Up to here there are only events behind a dead letter. */
  bound: bigint
  /** Up to here ids may be dead rows. Above, nothing was published yet, except in the last moment. */
  limit: bigint
}

/**
 * Measures the backlog for one reporter. Every relay has one, leader or not: otherwise no alert fires while no relay leads.
 *
 * There are two walks along the ids, for the count and for the oldest event that can be published. Neither begins at the lowest id:
 * published events leave dead rows, which vacuum cannot remove while an old transaction is open. Both begin at the bound that the
 * relays store ({@link ScanBound}). While a writer holds that bound up, or behind hundreds of thousands of events that cannot be
 * published, a walk can still be long. So it takes ranges of ids, for a quarter of a second at most, and the next report goes on
 * from there. Until a count is complete, the last complete one is reported.
 *
 * The search starts again when something may have freed events (a dead letter came or went, other types are withheld, the bound was
 * lowered), and once in a while, for an event whose transaction committed late.
 */
export class BacklogMeter {
  readonly #countRange = new ScanRange()
  readonly #searchRange = new ScanRange()
  #counting: Count | undefined
  #counted: Count | undefined
  /** No event up to this id can be published. */
  #searched = 0n
  /** Age of the youngest event that the search has passed, and when it had that age. */
  #passed: { ageMs: number, at: number } | undefined
  #bound = 0n
  #state = ''
  #startedAt = 0

  /** @param types the types that the relays read now; the others are withheld. undefined: all types are read */
  async measure (client: SqlClient, types?: TypeFilter): Promise<Backlog> {
    const { rows } = await client.query({ name: 'outbox_backlog', text: ASIDE })
    const aside = onlyRow(rows, 'the backlog') as unknown as Aside
    const scope: Scope = { client, only: null, except: null, ...types, bound: BigInt(aside.bound), limit: BigInt(aside.id_limit) }
    this.#startAgain(scope, JSON.stringify([aside.dead_letters, aside.newest_letter, aside.newest_replay, types]))
    const oldestAgeMs = await this.#oldestMs(scope)
    const { events, withheld, withheldSince } = await this.#count(scope)
    return {
      events: Math.min(events + aside.blocked_below, COUNT_LIMIT),
      oldestAgeMs: Math.max(0, oldestAgeMs),
      blockedEvents: aside.blocked,
      blockedAgeMs: Math.max(0, aside.blocked_ms),
      withheldEvents: Math.min(withheld, ROW_LIMIT),
      withheldAgeMs: withheldSince === undefined ? 0 : Math.max(0, performance.now() - withheldSince),
      deadLetters: aside.dead_letters
    }
  }

  #startAgain ({ bound }: Scope, state: string): void {
    const now = performance.now()
    if (state !== this.#state || bound < this.#bound || now - this.#startedAt > AGAIN_AFTER_MS) {
      this.#state = state
      this.#startedAt = now
      this.#searched = bound
      this.#passed = undefined
      this.#counting = undefined
      this.#counted = undefined
    }
    this.#bound = bound
    if (this.#searched < bound) this.#searched = bound
  }

  async #oldestMs ({ client, only, except, limit }: Scope): Promise<number> {
    const giveUpAt = performance.now() + WALK_FOR_MS
    let after = this.#searched
    while (performance.now() < giveUpAt) {
      const { upTo, isLast } = nextRange(after, limit, this.#searchRange)
      const result = await this.#searchRange.time(() => client.query({ name: 'outbox_oldest', text: OLDEST, values: [only, except, String(after), String(upTo)] }))
      if (result === undefined) continue
      const { oldest_ms: oldestMs, last, last_ms: lastMs, passed } = onlyRow(result.rows, 'the oldest event') as {
        oldest_ms: number | null, last: string | null, last_ms: number | null, passed: number
      }
      if (oldestMs !== null) return oldestMs
      if (last !== null) {
        // Events that cannot be published: the next report need not look at them again.
        this.#searched = BigInt(last)
        this.#passed = { ageMs: lastMs ?? 0, at: performance.now() }
      }
      if (passed === STEP_LIMIT && last !== null) after = BigInt(last)
      else if (isLast) return 0
      else after = upTo
    }
    this.#searched = after
    // No event behind that one is older.
    return this.#passed === undefined ? 0 : this.#passed.ageMs + performance.now() - this.#passed.at
  }

  async #count ({ client, only, except, bound, limit }: Scope): Promise<Count> {
    const giveUpAt = performance.now() + WALK_FOR_MS
    const count = this.#counting ??= { after: bound, events: 0, withheld: 0, withheldSince: undefined }
    while (performance.now() < giveUpAt) {
      const { upTo, isLast } = nextRange(count.after, limit, this.#countRange)
      const most = COUNT_LIMIT - count.events
      const result = await this.#countRange.time(() => client.query({ name: 'outbox_count', text: COUNT, values: [only, except, String(count.after), String(upTo), most] }))
      if (result === undefined) continue
      const { events, withheld, withheld_ms: withheldMs } = onlyRow(result.rows, 'the count of events') as { events: number, withheld: number, withheld_ms: number | null }
      count.events += events
      if (count.withheld === 0 && withheldMs !== null) count.withheldSince = performance.now() - withheldMs
      count.withheld += withheld
      count.after = upTo
      if (isLast || events === most) {
        this.#counting = undefined
        this.#counted = count
        return count
      }
    }
    return this.#counted ?? count
  }
}

/** The backlog now. A reporter that asks again and again uses {@link BacklogMeter}. */
export async function backlog (client: SqlClient, types?: TypeFilter): Promise<Backlog> {
  return new BacklogMeter().measure(client, types)
}

/** The rest in one statement where that cannot be much more than a range. */
function nextRange (after: bigint, limit: bigint, { size }: ScanRange): { upTo: bigint, isLast: boolean } {
  return limit - after <= size ? { upTo: HIGHEST_ID, isLast: true } : { upTo: after + size, isLast: false }
}

/** An infinite time has no age. */
const ageMs = (time: string) => `(CASE WHEN isfinite(${time}) THEN extract(epoch FROM clock_timestamp() - ${time}) * 1000 END)::float8`

/** $1: the only types that are read. $2: the types that are not read. Without either, nothing is withheld. */
const IS_WITHHELD = 'coalesce(aggregate_type <> ALL ($1::text[]) OR aggregate_type = ANY ($2::text[]), false)'

interface Aside {
  blocked: number
  /** Those up to the bound, which the walks do not meet. */
  blocked_below: number
  blocked_ms: number
  dead_letters: number
  newest_letter: string | null
  newest_replay: string | null
  bound: string
  id_limit: string
}

/** What is not found along the ids. No part reads more than its limit: a LIMIT below a condition bounds the rows that are read. */
const ASIDE = `
  WITH scan AS MATERIALIZED (
    SELECT coalesce(min(bound), 0) AS bound FROM outbox_scan WHERE shard < shards
  ), letters AS MATERIALIZED (
    SELECT aggregate_type, aggregate_id, min(id) AS id, min(failed_at) AS failed_at
    FROM (SELECT id, aggregate_type, aggregate_id, failed_at FROM outbox_dead_letters WHERE blocking LIMIT ${ROW_LIMIT}) AS d
    GROUP BY aggregate_type, aggregate_id
  ), blocked AS MATERIALIZED (
    SELECT e.id, l.failed_at FROM letters AS l
    JOIN outbox_events AS e ON e.aggregate_type = l.aggregate_type AND e.aggregate_id = l.aggregate_id AND e.id > l.id
    LIMIT ${ROW_LIMIT}
  ), aside AS MATERIALIZED (
    SELECT count(*)::int AS count, max(failed_at)::text AS newest_letter, max(replayed_at)::text AS newest_replay
    FROM (SELECT failed_at, replayed_at FROM outbox_dead_letters LIMIT ${COUNT_LIMIT}) AS d
  )
  SELECT (SELECT count(*)::int FROM blocked) AS blocked,
         (SELECT count(*)::int FROM blocked WHERE id <= (SELECT bound FROM scan)) AS blocked_below,
         coalesce((SELECT ${ageMs('min(failed_at)')} FROM blocked), 0) AS blocked_ms,
         aside.count AS dead_letters, aside.newest_letter, aside.newest_replay,
         (SELECT bound FROM scan)::text AS bound, (SELECT last_value FROM outbox_scan_limit)::text AS id_limit
  FROM aside`

/**
 * By id, not by time: the oldest event is at the head of the primary key, and no index on the time is needed. What the search has passed
 * is asked for only where it found nothing.
 */
const OLDEST = `
  WITH head AS MATERIALIZED (
    SELECT created_at FROM (
      SELECT id, created_at, aggregate_type, aggregate_id FROM outbox_events WHERE id > $3::bigint AND id <= $4::bigint ORDER BY id LIMIT ${STEP_LIMIT}
    ) AS e
    WHERE isfinite(created_at) AND NOT ${IS_WITHHELD} AND NOT EXISTS (
      SELECT FROM outbox_dead_letters AS d
      WHERE d.blocking AND d.aggregate_type = e.aggregate_type AND d.aggregate_id = e.aggregate_id AND d.id < e.id)
    ORDER BY id LIMIT 1
  ), passed AS MATERIALIZED (
    SELECT count(*)::int AS count, max(id) AS last FROM (
      SELECT id FROM outbox_events WHERE id > $3::bigint AND id <= $4::bigint AND NOT EXISTS (SELECT FROM head) ORDER BY id LIMIT ${STEP_LIMIT}
    ) AS e
  )
  SELECT (SELECT ${ageMs('created_at')} FROM head) AS oldest_ms, count AS passed, last::text,
         (SELECT ${ageMs('created_at')} FROM outbox_events WHERE id = last) AS last_ms
  FROM passed`

const COUNT = `
  SELECT events, withheld, (SELECT ${ageMs('created_at')} FROM outbox_events WHERE id = first_withheld) AS withheld_ms
  FROM (
    SELECT count(*)::int AS events, count(*) FILTER (WHERE is_withheld)::int AS withheld, min(id) FILTER (WHERE is_withheld) AS first_withheld
    FROM (
      SELECT id, ${IS_WITHHELD} AS is_withheld FROM outbox_events WHERE id > $3::bigint AND id <= $4::bigint ORDER BY id LIMIT $5
    ) AS step
  ) AS counted`
