import type { OutboxEvent } from './event.ts'
import { readBatch, type ReadOptions } from './read-batch.ts'
import { isCurrent, readable, type ScanStamp, type TypeFilter } from './readable.ts'
import { isTimeout, ScanRange } from './scan-range.ts'
import { onlyRow, type SqlClient } from './sql-client.ts'

/** A read that would begin further back than this begins here, and what is between is looked at beside it. In ids. */
const HEAD = 20_000n
/** A bound that has moved by so many ids is kept in the database. A new leader looks at no more of them than that again. */
const KEEP_AFTER = 10_000n
/** How long one call of {@link ScanBound.advance}, or one read of what is behind, goes on, in milliseconds. */
const WALK_BUDGET_MS = 100
const READ_BUDGET_MS = 50
/** Between two passes over what is behind, while a writer that does not end holds the bound up. */
const PASS_INTERVAL_MS = 1_000
const LOWEST_ID = -9_223_372_036_854_775_808n
/** So many filters are remembered: that of the reads, that of a probe, and none. */
const POSITIONS = 4

export interface ScanOptions {
  shard: number
  shards: number
}

export type ScanReadOptions = Pick<ReadOptions, 'inFlight' | 'maxEvents' | 'maxBytes' | 'maxEventBytes' | 'types'>

/** How far the scan has come for one filter of types. `bound <= cursor <= head`. */
interface Position {
  types: TypeFilter | undefined
  /** Proven: no event that these reads would return has an id up to this one. */
  bound: bigint
  /** Nothing was found between the bound and here; an event may still appear. */
  cursor: bigint
  /** Reads go on from here while what is below is looked at, range by range. */
  head: bigint
  /** When the cursor left the bound, and when it is to do so again should the bound not have reached the head. */
  passBeganAt: number
  nextPassAt: number
}

/**
 * Reads one shard's events without stepping again and again over what cannot be read: dead rows of published events (while
 * an old transaction is open, vacuum cannot remove them), events behind a dead letter, other shards' events, and types that
 * are left out. There can be millions of each.
 *
 * **The bound** is the id up to which nothing can be read now. Two things could make that untrue later:
 *
 * - *A transaction that is still open commits a lower id.* Ids are handed out before the commit. So the bound moves in two
 *   steps: note the newest id that was handed out, and who is writing at that moment (every writer holds the table's ROW
 *   EXCLUSIVE lock from before it takes an id until its transaction has ended). When all of these have ended, nothing up to
 *   the noted id can still appear, and the bound goes up to the lowest one that can be read.
 * - *An event becomes readable again*: a replayed dead letter, a discarded one, the later events of a replayed one that is
 *   published now, a repair by hand, an identity that was set back. Triggers see each of these, lower the bound in the same
 *   transaction, and change the row's stamp (`sql/003-scan-bound.sql`). Every statement here asks for the stamp that it knows
 *   in its own snapshot. So a read never sees an event that came back, or the successor of one, with a bound from before: it
 *   finds nothing, and the bound is read again.
 *
 * Events in flight exist still, and the bound does not pass them. The types that a read leaves out have a bound of their
 * own for each filter, in memory only.
 *
 * **The head.** A new leader's bound may be far behind, and a bound that was lowered is. The ids between are looked at in
 * ranges of bounded cost. Reads meanwhile go on from the head, and leave out events whose aggregate has an event between
 * the bound and the head: that one has to be published first. When the bound has reached the head, the two are one again.
 *
 * **A sweep** looks from the very beginning now and then, a range at a time, for what no trigger has seen.
 */
export class ScanBound {
  readonly #client: SqlClient
  readonly #options: ScanOptions
  readonly #all: Position
  readonly #positions = new Map<string, Position>()
  readonly #readRange = new ScanRange()
  readonly #walkRange = new ScanRange()
  #stamp: ScanStamp
  #kept: bigint
  /** Nothing up to here can still appear but what comes back. */
  #settled: bigint
  #newest: bigint
  #noted: { newest: bigint, writers: Set<string> } | undefined
  #sweptUpTo: bigint | undefined
  /** Counts what lowered a bound: a look that began before must not move one. */
  #lowered = 0

  private constructor (client: SqlClient, options: ScanOptions, { stamp, bound }: ScanRow, newest: bigint) {
    this.#client = client
    this.#options = options
    this.#stamp = stamp
    this.#kept = bound
    this.#settled = bound
    this.#newest = newest
    this.#all = positionAt(undefined, bound, headOf(bound, newest))
    this.#positions.set(keyOf(undefined), this.#all)
  }

  /**
   * Begins where the leader before left off.
   *
   * @throws Error when `outbox_scan` has no row for the shard
   */
  static async begin (client: SqlClient, options: ScanOptions): Promise<ScanBound> {
    await changeLayout(client, options)
    const newest = await raiseLimit(client)
    // Another stamp: a former leader must not keep a bound that it found before this one began.
    const { rows } = await client.query({
      text: `UPDATE outbox_scan SET stamp = stamp + 1 WHERE shard = $1 RETURNING ${SCAN_ROW}`, values: [options.shard]
    })
    return new ScanBound(client, options, toScanRow(onlyRow(rows, 'outbox_scan')), newest)
  }

  /** The proven bound of reads of all types. */
  get value (): bigint {
    return this.#all.bound
  }

  /** The proven bound of reads of these types. */
  boundFor (types: TypeFilter | undefined): bigint {
    return this.#position(types).bound
  }

  /** Whether there are ids below the head that were not looked at yet: it is worth reading on at once. */
  isBehind (types?: TypeFilter): boolean {
    const { cursor, head } = this.#position(types)
    return cursor < head
  }

  /** The next events, in the order of ids. None are left out for good; see {@link ScanBound.isBehind} when there are none. */
  async read (options: ScanReadOptions): Promise<OutboxEvent[]> {
    const position = this.#position(options.types)
    for (;;) {
      const stamp = this.#stamp
      const events = await this.#readBehind(position, options) ?? await this.#readHead(position, options)
      // Nothing was found, or nothing was looked for.
      if (events.length > 0 || (stamp === this.#stamp && await this.#isCurrent())) return events
    }
  }

  /**
   * Moves the bounds, if they can be moved now. Never waits for a writer. One call at a time.
   *
   * It may be called beside a read: a bound that is a moment old costs less than the statements that move it.
   */
  async advance (): Promise<void> {
    await this.#settle()
    for (const position of this.#positions.values()) await this.#walk(position)
    await this.#sweep()
    await this.#keep()
  }

  /** Looks from the very beginning once more, a range with each {@link ScanBound.advance}. */
  startSweep (): void {
    this.#sweptUpTo ??= LOWEST_ID
  }

  #position (types: TypeFilter | undefined): Position {
    const key = keyOf(types)
    const known = this.#positions.get(key)
    if (known !== undefined) return known
    const { bound, head } = this.#all
    const position = positionAt(types, bound, max(head, headOf(bound, this.#newest)))
    const [oldest] = [...this.#positions.keys()].filter((each) => each !== keyOf(undefined))
    if (this.#positions.size >= POSITIONS && oldest !== undefined) this.#positions.delete(oldest)
    this.#positions.set(key, position)
    return position
  }

  /** From the bound on, in ranges. Undefined when there is nothing, and the head may be read. */
  async #readBehind (position: Position, options: ScanReadOptions): Promise<OutboxEvent[] | undefined> {
    const now = performance.now()
    const giveUpAt = now + READ_BUDGET_MS
    // What the cursor passed may have been written by a transaction that has committed since.
    if (position.bound < position.head && position.cursor === position.head && now > position.nextPassAt) startPass(position)
    const lowered = this.#lowered
    while (position.cursor < position.head && performance.now() < giveUpAt) {
      const upTo = min(position.cursor + this.#readRange.size, position.head)
      const stamp = this.#stamp
      const events = await this.#readRange.time(() => this.#readFrom(position, position.cursor, upTo, options))
      if (events === undefined) continue
      if (events.length > 0) return events
      // Not known to be empty, but only not to have been looked at.
      if (stamp !== this.#stamp || !await this.#isCurrent() || lowered !== this.#lowered) return []
      if (upTo > position.cursor) position.cursor = upTo
      if (position.cursor === position.head) endPass(position)
    }
    return undefined
  }

  async #readHead (position: Position, options: ScanReadOptions): Promise<OutboxEvent[]> {
    try {
      return await this.#readFrom(position, position.head, undefined, options)
    } catch (error) {
      // It looks for earlier events of each aggregate, which may have millions of dead ones. The ranges get there too.
      if (isTimeout(error) && position.cursor < position.head) return []
      throw error
    }
  }

  #readFrom (position: Position, after: bigint, upTo: bigint | undefined, options: ScanReadOptions): Promise<OutboxEvent[]> {
    return readBatch(this.#client, { ...this.#options, ...options, after, upTo, bound: position.bound, stamp: this.#stamp })
  }

  /** Notes who is writing, or sees whether those who were have ended. */
  async #settle (): Promise<void> {
    if (this.#noted === undefined) {
      const newest = await raiseLimit(this.#client)
      this.#newest = newest
      this.#moveHeads()
      if (newest > this.#settled) this.#noted = { newest, writers: await openWriters(this.#client) }
    } else {
      const open = await openWriters(this.#client)
      for (const writer of this.#noted.writers) if (!open.has(writer)) this.#noted.writers.delete(writer)
    }
    if (this.#noted?.writers.size !== 0) return
    this.#settled = this.#noted.newest
    this.#noted = undefined
  }

  /** A writer that never ends holds the bound up. Reads must not step over what is published meanwhile, more and more. */
  #moveHeads (): void {
    for (const position of this.#positions.values()) {
      if (this.#newest - position.head > 2n * HEAD) position.head = this.#newest - HEAD
    }
  }

  async #walk (position: Position): Promise<void> {
    const giveUpAt = performance.now() + WALK_BUDGET_MS
    while (position.bound < this.#settled && performance.now() < giveUpAt) {
      const upTo = min(position.bound + this.#walkRange.size, this.#settled)
      const lowest = await this.#lowest(position.bound, upTo, position.types)
      if (lowest === 'unknown') return
      raise(position, lowest === undefined ? upTo : lowest - 1n)
      if (lowest === undefined) continue
      if (lowest <= position.cursor) startPass(position)
      return
    }
  }

  async #sweep (): Promise<void> {
    const from = this.#sweptUpTo
    if (from === undefined) return
    const upTo = from < 0n ? 0n : min(from + this.#walkRange.size, this.#all.bound)
    const lowest = upTo > from ? await this.#lowest(from, upTo, undefined) : undefined
    if (lowest === 'unknown') return
    if (lowest !== undefined) this.#lower(lowest - 1n)
    this.#sweptUpTo = lowest !== undefined || upTo >= this.#all.bound ? undefined : upTo
  }

  /** The lowest id between two that can be read or is in flight; `unknown` when a bound was lowered meanwhile. */
  async #lowest (after: bigint, upTo: bigint, types: TypeFilter | undefined): Promise<bigint | undefined | 'unknown'> {
    const lowered = this.#lowered
    const stamp = this.#stamp
    const values: unknown[] = [String(after), String(upTo)]
    const parameter = (value: unknown) => `$${values.push(value)}`
    const { name, condition } = readable({ ...this.#options, types, stamp }, parameter)
    const result = await this.#walkRange.time(() => this.#client.query({
      name: `outbox_lowest${name}`,
      text: `SELECT id::text FROM outbox_events AS e WHERE id > $1 AND id <= $2${condition} ORDER BY e.id LIMIT 1`,
      values
    }))
    if (result === undefined || lowered !== this.#lowered) return 'unknown'
    const id = result.rows[0]?.id as string | undefined
    if (id !== undefined) return BigInt(id)
    if (stamp !== this.#stamp || !await this.#isCurrent() || lowered !== this.#lowered) return 'unknown'
    return undefined
  }

  /** Whether nothing has come back since the bound was read; reads it again if something has. */
  async #isCurrent (): Promise<boolean> {
    const values: unknown[] = []
    const { rows } = await this.#client.query({
      name: 'outbox_scan_current',
      text: `SELECT ${isCurrent(this.#stamp, (value) => `$${values.push(value)}`)} AS current`,
      values
    })
    if (onlyRow(rows, 'outbox_scan').current === true) return true
    const newest = await raiseLimit(this.#client)
    const { rows: found } = await this.#client.query({
      text: `SELECT ${SCAN_ROW} FROM outbox_scan WHERE shard = $1`, values: [this.#options.shard]
    })
    const { stamp, bound } = toScanRow(onlyRow(found, 'outbox_scan'))
    const isOnlyMoved = stamp.stamp === this.#stamp.stamp
    this.#stamp = stamp
    if (isOnlyMoved) return false
    this.#kept = bound
    this.#newest = newest
    this.#settled = min(this.#settled, newest)
    if (this.#noted !== undefined && this.#noted.newest > newest) this.#noted = undefined
    for (const position of this.#positions.values()) position.head = min(position.head, newest)
    this.#lower(bound)
    return false
  }

  #lower (bound: bigint): void {
    this.#lowered++
    for (const position of this.#positions.values()) {
      // The head stays where it was: what is above has been read from there, and is read from there.
      position.bound = min(position.bound, bound)
      startPass(position)
      position.head = max(position.head, position.bound)
    }
  }

  /** Now and then, not for every batch: each time leaves a dead row. */
  async #keep (): Promise<void> {
    const { bound } = this.#all
    if (bound - this.#kept < KEEP_AFTER) return
    const { rows } = await this.#client.query({
      name: 'outbox_scan_keep',
      // Where the stamp has changed, the bound was lowered, or another leader has begun.
      text: `UPDATE outbox_scan SET bound = $3 WHERE ctid = $1::tid AND stamp = $2 AND shards = $4 RETURNING ${SCAN_ROW}`,
      values: [this.#stamp.ctid, this.#stamp.stamp, String(bound), this.#options.shards]
    })
    const [row] = rows
    if (row === undefined) return
    const kept = toScanRow(row)
    this.#kept = kept.bound
    // Read again meanwhile, it may be newer than this.
    if (this.#stamp.stamp === kept.stamp.stamp) this.#stamp = kept.stamp
  }
}

interface ScanRow {
  stamp: ScanStamp
  bound: bigint
}

const SCAN_ROW = 'ctid::text, stamp::text, bound::text'

function toScanRow (row: Record<string, unknown>): ScanRow {
  return { stamp: { ctid: row.ctid as string, stamp: row.stamp as string }, bound: BigInt(row.bound as string) }
}

/** With another number of shards an event may have another shard: all of them begin at the lowest bound that there was. */
async function changeLayout (client: SqlClient, { shards }: ScanOptions): Promise<void> {
  await client.query({
    text: `UPDATE outbox_scan SET shards = $1, stamp = stamp + 1, bound = (SELECT min(bound) FROM outbox_scan WHERE shard < shards)
           WHERE shards <> $1`,
    values: [shards]
  })
}

async function raiseLimit (client: SqlClient): Promise<bigint> {
  const { rows } = await client.query({ name: 'outbox_scan_raise', text: 'SELECT outbox_scan_raise()::text AS newest' })
  return BigInt(onlyRow(rows, 'the newest id').newest as string)
}

async function openWriters (client: SqlClient): Promise<Set<string>> {
  const { rows } = await client.query({
    name: 'outbox_open_writers',
    text: `SELECT virtualtransaction AS writer FROM pg_locks
           WHERE locktype = 'relation' AND relation = 'outbox_events'::regclass AND mode = 'RowExclusiveLock' AND granted
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND pid IS DISTINCT FROM pg_backend_pid()`
  })
  return new Set(rows.map((row) => row.writer as string))
}

function headOf (bound: bigint, newest: bigint): bigint {
  return newest - bound > HEAD ? newest - HEAD : bound
}

function positionAt (types: TypeFilter | undefined, bound: bigint, head: bigint): Position {
  return { types, bound, cursor: bound, head, passBeganAt: performance.now(), nextPassAt: 0 }
}

function startPass (position: Position): void {
  position.cursor = position.bound
  position.passBeganAt = performance.now()
}

/** A tenth of the time at most is spent on passes, however long they are. */
function endPass (position: Position): void {
  const now = performance.now()
  position.nextPassAt = now + Math.max(PASS_INTERVAL_MS, 10 * (now - position.passBeganAt))
}

function raise (position: Position, bound: bigint): void {
  if (bound <= position.bound) return
  position.bound = bound
  position.cursor = max(position.cursor, bound)
  position.head = max(position.head, bound)
}

function keyOf (types: TypeFilter | undefined): string {
  return JSON.stringify(types ?? null)
}

function min (a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

function max (a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
