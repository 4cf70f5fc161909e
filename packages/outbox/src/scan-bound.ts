import type { OutboxEvent } from './event.ts'
import { readBatch, type ReadOptions } from './read-batch.ts'
import { isCurrent, isVersion, readable, SERVER, type ScanStamp, type TypeFilter } from './readable.ts'
import { isTimeout, ScanRange } from './scan-range.ts'
import { onlyRow, type SqlClient } from './sql-client.ts'

/** A read that would begin further back begins this far behind the newest id. The ids in between are scanned concurrently. */
const HEAD = 20_000n
/** The bound is stored after it has moved by this many ids. A new leader scans no more of them than that again. */
const KEEP_AFTER = 10_000n
/** The longest time of one call of {@link ScanBound.advance}, and of one read behind the head, in milliseconds. */
const WALK_BUDGET_MS = 100
const READ_BUDGET_MS = 50
/** Between two passes behind the head, while a writer that does not end holds the bound up. */
const PASS_INTERVAL_MS = 1_000
/** Of the bound, of the head, and of the next head. */
const MOST_NOTES = 3
const LOWEST_ID = -9_223_372_036_854_775_808n
/** The number of filters to remember: for the reads, for expired topics, and for no filter. */
const POSITIONS = 4

export interface ScanOptions {
  shard: number
  shards: number
}

export type ScanReadOptions = Pick<ReadOptions, 'inFlight' | 'maxEvents' | 'maxBytes' | 'maxEventBytes' | 'types'>

/** The progress of the scan for one filter of types. `bound <= cursor <= head`. */
interface Position {
  types: TypeFilter | undefined
  /** Proven: these reads would return no event with an id up to this one. */
  bound: bigint
  /** Nothing was found between the bound and this id. An event may still appear there. */
  cursor: bigint
  /** Reads begin here, while the ids below are scanned range by range. */
  head: bigint
  /** The scan from the bound to the head that is under way, or was the last one. */
  pass: Pass
  /** When the next one begins, if the bound has not reached the head by then. */
  nextPassAt: number
  /** Behind the head there is no event, as long as all of these writers are open: a complete pass found none, and no other writer can add one. */
  clearWhileOpen: Writers | undefined
}

interface Pass {
  beganAt: number
  /** The writers that could still add an event behind the head when it began; undefined: not known. */
  writers: Writers | undefined
}

/** Open transactions that hold the table's lock, by their virtual ids. */
type Writers = ReadonlySet<string>

/** Of the writers that were open when this was the newest id, those that still are: only they can add an event up to it. */
interface Note {
  newest: bigint
  writers: Writers
}

/**
 * Reads one shard's events without scanning unreadable rows again and again: dead rows of published events (while an old transaction
 * is open, vacuum cannot remove them), events behind a dead letter, other shards' events, and types that are left out. There can be
 * millions of each.
 *
 * **The bound** is the id up to which no event can be read now. Two things could make that untrue later:
 *
 * - *A transaction that is still open commits a lower id.* Ids are given out before the commit. So the bound moves in two steps. First,
 *   note the newest id that was given out, and the transactions that are writing at that moment. (Every writer holds the table's ROW
 *   EXCLUSIVE lock from before it takes an id until its transaction has ended.) When all of them have ended, no event up to the noted
 *   id can still appear, and the bound moves up to the lowest event that can be read.
 * - *An event becomes readable again*: a dead letter is replayed or discarded, a replayed event is published and unblocks later ones, a
 *   row is repaired by hand, the identity is set back. Triggers notice each of these, lower the bound in the same transaction, and
 *   change the row's stamp (`sql/003-scan-bound.sql`). Every statement here checks in its own snapshot the stamp that it knows. So a
 *   read with an outdated bound never returns an event that came back, or a later one: it finds nothing, and the bound is read again.
 *
 * Events in flight still exist, and the bound does not pass them. Each filter of types has a bound of its own, in memory only.
 *
 * **The head.** The bound of a new leader may be far behind, and so may a lowered one, or one that a writer holds up for hours. The ids
 * in between are scanned in ranges of bounded cost. Reads meanwhile begin at the head. They leave out events whose aggregate has an event
 * between the bound and the head, because that one has to be published first. When the bound reaches the head, the two are one again.
 *
 * That search for earlier events steps over all dead rows of an aggregate. So it is left out where nothing can be found: a pass from the
 * bound to the head found nothing, and every writer that could have added an event since is still open after the read.
 *
 * **A sweep** scans from the lowest id once in a while, a range at a time, for events that no trigger has reported.
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
  /** Up to here, no event can still appear except one that comes back. */
  #settled: bigint
  #newest: bigint
  /** In the order of ids, MOST_NOTES at most. The first one with open writers holds the bound up. */
  #notes: Note[] = []
  #sweptUpTo: bigint | undefined
  /** Counts how often a bound was lowered: a scan that began before must not move it. */
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
    // A new stamp: a former leader must not store a bound that it found before this one began.
    const { rows: [row] } = await client.query({
      text: `UPDATE outbox_scan SET stamp = stamp + 1 WHERE ctid = (SELECT ctid FROM outbox_scan WHERE shard = $1 FOR UPDATE SKIP LOCKED)
             RETURNING ${SCAN_ROW}`,
      values: [options.shard]
    })
    // A transaction that has discarded or returned an event holds the row until it ends, which may be hours. It must not keep the events of
    // the whole shard waiting. Without a new stamp a former leader can only store what it has proven, and that is still true.
    return new ScanBound(client, options, row === undefined ? await readRow(client, options) : toScanRow(row), newest)
  }

  /** The proven bound of reads of all types. */
  get value (): bigint {
    return this.#all.bound
  }

  /** The proven bound of reads of these types. */
  boundFor (types: TypeFilter | undefined): bigint {
    return this.#position(types).bound
  }

  /** Whether there are unscanned ids below the head: then the caller should read again at once. */
  isBehind (types?: TypeFilter): boolean {
    const { cursor, head } = this.#position(types)
    return cursor < head
  }

  /** The next events, in the order of ids. If there are none, {@link ScanBound.isBehind} tells whether to read again at once. */
  async read (options: ScanReadOptions): Promise<OutboxEvent[]> {
    const position = this.#position(options.types)
    for (;;) {
      const stamp = this.#stamp
      const events = await this.#readBehind(position, options) ?? await this.#readHead(position, options)
      // No event, with the current stamp: there is none. With an outdated one, nothing was searched: read again.
      if (events.length > 0 || (stamp === this.#stamp && await this.#isCurrent())) return events
    }
  }

  /**
   * Moves the bounds, if they can be moved now. Never waits for a writer. One call at a time.
   *
   * It may run concurrently with a read: a bound that is a moment old costs less than the statements that move it.
   */
  async advance (): Promise<void> {
    await this.#settle()
    for (const position of this.#positions.values()) await this.#walk(position)
    await this.#sweep()
    await this.#keep()
  }

  /** Scans from the lowest id once more, a range with each {@link ScanBound.advance}. */
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

  /** Reads from the bound on, in ranges. @returns undefined when there is no event, and the head may be read */
  async #readBehind (position: Position, options: ScanReadOptions): Promise<OutboxEvent[] | undefined> {
    const now = performance.now()
    const giveUpAt = now + READ_BUDGET_MS
    // A transaction may have committed an event behind the cursor since.
    if (position.bound < position.head && position.cursor === position.head && now > position.nextPassAt) this.#startPass(position)
    const lowered = this.#lowered
    while (position.cursor < position.head && performance.now() < giveUpAt) {
      const upTo = min(position.cursor + this.#readRange.size, position.head)
      const { pass } = position
      const stamp = this.#stamp
      const events = await this.#readRange.time(() => this.#readFrom(position, position.cursor, upTo, options))
      if (events === undefined) continue
      if (events.length > 0) {
        position.clearWhileOpen = undefined
        return events
      }
      // With an outdated stamp the range was not searched, so it is not known to be empty.
      if (stamp !== this.#stamp || !await this.#isCurrent() || lowered !== this.#lowered) return []
      // A new pass has begun meanwhile, because an event appeared behind the cursor: this range is not the next one any more.
      if (pass !== position.pass) return []
      if (upTo > position.cursor) position.cursor = upTo
      if (position.cursor === position.head) endPass(position)
    }
    return undefined
  }

  async #readHead (position: Position, options: ScanReadOptions): Promise<OutboxEvent[]> {
    if (position.bound < position.head && position.clearWhileOpen !== undefined) {
      const { clearWhileOpen } = position
      const events = await this.#readFrom({ bound: position.head }, position.head, undefined, options)
      // After the read: a writer that is open now had committed nothing that the read could have missed.
      if (events.length === 0 || clearWhileOpen.isSubsetOf(await openWriters(this.#client))) return events
      position.clearWhileOpen = undefined
    }
    try {
      return await this.#readFrom(position, position.head, undefined, options)
    } catch (error) {
      // The read searches for earlier events of each aggregate, which may have millions of dead rows. The ranges get there too.
      if (isTimeout(error) && position.cursor < position.head) return []
      throw error
    }
  }

  #readFrom ({ bound }: Pick<Position, 'bound'>, after: bigint, upTo: bigint | undefined, options: ScanReadOptions): Promise<OutboxEvent[]> {
    return readBatch(this.#client, { ...this.#options, ...options, after, upTo, bound, stamp: this.#stamp })
  }

  /** Notes the newest id and the open writers, and which of the noted ones have ended. */
  async #settle (): Promise<void> {
    const lowered = this.#lowered
    // Also while a noted writer is open, which may be for hours: the head goes on, and so does the limit of the ids.
    const newest = await raiseLimit(this.#client)
    if (lowered !== this.#lowered) return
    this.#newest = newest
    if (this.#notes.length === 0 && newest <= this.#settled) return
    // After the newest id was read: whichever writer took an id up to it has the lock by now, or has ended.
    const open = await openWriters(this.#client)
    // A read has found another state of the database meanwhile, where this id means nothing.
    if (lowered !== this.#lowered) return
    for (const note of this.#notes) note.writers = note.writers.intersection(open)
    const last = this.#notes.at(-1)
    if (last === undefined || newest - last.newest >= HEAD) {
      if (last !== undefined) this.#moveHeads(last)
      if (this.#notes.length === MOST_NOTES) this.#notes.splice(1, 1)
      this.#notes.push({ newest, writers: open })
    }
    const settled = this.#notes.findLastIndex(({ writers }) => writers.size === 0)
    if (settled === -1) return
    this.#settled = max(this.#settled, this.#notes[settled]!.newest)
    this.#notes.splice(0, settled + 1)
  }

  /** A writer that never ends holds the bound up. Reads must not scan all that is published meanwhile. */
  #moveHeads ({ newest, writers }: Note): void {
    for (const position of this.#positions.values()) {
      if (newest - position.head < HEAD) continue
      position.head = newest
      // The pass goes on from the former head. Of the writers of its first part, none may have ended.
      position.pass.writers = position.pass.writers?.isSubsetOf(writers) === true ? writers : undefined
      position.clearWhileOpen = undefined
    }
  }

  #startPass (position: Position): void {
    position.cursor = position.bound
    position.pass = { beganAt: performance.now(), writers: this.#notes.find(({ newest }) => newest >= position.head)?.writers }
  }

  async #walk (position: Position): Promise<void> {
    const giveUpAt = performance.now() + WALK_BUDGET_MS
    while (position.bound < this.#settled && performance.now() < giveUpAt) {
      const upTo = min(position.bound + this.#walkRange.size, this.#settled)
      const lowest = await this.#lowest(position.bound, upTo, position.types)
      if (lowest === 'unknown') return
      raise(position, lowest === undefined ? upTo : lowest - 1n)
      if (lowest === undefined) continue
      if (lowest <= position.cursor) {
        position.clearWhileOpen = undefined
        this.#startPass(position)
      }
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

  /** The lowest id in a range that can be read or is in flight; `unknown` when a bound was lowered meanwhile. */
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

  /** Whether no event has come back since the bound was read. Otherwise reads the bound again. */
  async #isCurrent (): Promise<boolean> {
    const values: unknown[] = []
    const { rows } = await this.#client.query({
      name: 'outbox_scan_current',
      text: `SELECT ${isCurrent(this.#stamp, this.#options.shard, (value) => `$${values.push(value)}`)} AS current`,
      values
    })
    if (onlyRow(rows, 'outbox_scan').current === true) return true
    const newest = await raiseLimit(this.#client)
    const { stamp, bound } = await readRow(this.#client, this.#options)
    const isOtherServer = stamp.server !== this.#stamp.server
    const isOnlyMoved = stamp.stamp === this.#stamp.stamp && !isOtherServer
    this.#stamp = stamp
    if (isOnlyMoved) return false
    if (isOtherServer) {
      // Perhaps an older state, where ids that were passed here are given out again: only what is stored there holds.
      this.#settled = bound
      this.#notes = []
    }
    this.#kept = bound
    this.#newest = newest
    this.#settled = min(this.#settled, newest)
    this.#notes = this.#notes.filter((note) => note.newest <= newest)
    for (const position of this.#positions.values()) position.head = min(position.head, newest)
    this.#lower(bound)
    return false
  }

  #lower (bound: bigint): void {
    this.#lowered++
    for (const position of this.#positions.values()) {
      // The head stays: the ids above it are read from there, as before.
      position.bound = min(position.bound, bound)
      position.head = max(position.head, position.bound)
      position.clearWhileOpen = undefined
      this.#startPass(position)
    }
  }

  /** Not for every batch: each update leaves a dead row. */
  async #keep (): Promise<void> {
    const { bound } = this.#all
    if (bound - this.#kept < KEEP_AFTER) return
    const values: unknown[] = [String(bound), this.#options.shards]
    const known = isVersion(this.#stamp, this.#options.shard, (value) => `$${values.push(value)}`)
    const { rows } = await this.#client.query({
      name: 'outbox_scan_keep',
      // Another stamp: the bound was lowered, or another leader has begun.
      text: `UPDATE outbox_scan SET bound = $1 WHERE shards = $2 AND ${known} RETURNING ${SCAN_ROW}`,
      values
    })
    const [row] = rows
    if (row === undefined) return
    const kept = toScanRow(row)
    this.#kept = kept.bound
    // It may have been read again meanwhile, and be newer.
    if (this.#stamp.stamp === kept.stamp.stamp) this.#stamp = kept.stamp
  }
}

interface ScanRow {
  stamp: ScanStamp
  bound: bigint
}

const SCAN_ROW = `ctid::text, stamp::text, bound::text, ${SERVER} AS server`

function toScanRow (row: Record<string, unknown>): ScanRow {
  return { stamp: { ctid: row.ctid as string, stamp: row.stamp as string, server: row.server as string }, bound: BigInt(row.bound as string) }
}

async function readRow (client: SqlClient, { shard }: ScanOptions): Promise<ScanRow> {
  const { rows } = await client.query({ text: `SELECT ${SCAN_ROW} FROM outbox_scan WHERE shard = $1`, values: [shard] })
  return toScanRow(onlyRow(rows, 'outbox_scan'))
}

/** With another number of shards an event may have another shard, so all of them begin at the lowest bound. */
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
  return { types, bound, cursor: bound, head, pass: { beganAt: performance.now(), writers: undefined }, nextPassAt: 0, clearWhileOpen: undefined }
}

/** Passes take a tenth of the time at most, however long they are; a third, while the writers are not known and each read has to search. */
function endPass (position: Position): void {
  const now = performance.now()
  position.clearWhileOpen = position.pass.writers
  position.nextPassAt = now + Math.max(PASS_INTERVAL_MS, (position.clearWhileOpen === undefined ? 2 : 10) * (now - position.pass.beganAt))
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
