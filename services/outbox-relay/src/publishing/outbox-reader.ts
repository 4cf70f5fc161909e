import { inspectOutbox, isTimeout, ScanBound, type OutboxEvent, type SqlClient, type TypeFilter } from '@orders/outbox'
import { toBatch, type Batch } from './batch.ts'
import { isUnprintable, ReadSize, type Limits } from './read-size.ts'
import type { RecordOptions } from './record.ts'
import type { Wakeups } from './wakeups.ts'

/** The bound of the scan moves at most this often, in milliseconds: each move costs some small queries. */
const BOUND_INTERVAL_MS = 250

/** A read without payloads takes a few milliseconds. */
const QUICK_MS = 500

export interface OutboxReaderOptions extends RecordOptions {
  db: SqlClient
  shard: number
  shards: number
  maxBatchEvents: number
  maxBatchBytes: number
  pollIntervalMs: number
  sweepIntervalMs: number
  wakeups: Wakeups
  /** The aggregate types to read, asked at each read; left out: all of them. */
  types?: () => TypeFilter | undefined
  /** Something about the table may change the order of events. */
  onWarning?: (warning: string) => void
}

/** Reads batches of one shard, in order, and waits when there is nothing to read. */
export class OutboxReader {
  readonly #options: OutboxReaderOptions
  readonly #size = new ReadSize()
  #bound: ScanBound | undefined
  #isBehind = false
  #boundAt = -Infinity
  #moving: Promise<void> | undefined
  #sweptAt = performance.now()

  constructor (options: OutboxReaderOptions) {
    this.#options = options
  }

  /**
   * @param inFlight the ids of the batches that are in Kafka or in flight, and not completed yet
   * @param maxEvents below the setting while a refused record is searched for
   * @param types other aggregate types than those that are usually read
   * @throws OutboxOrderError when the table would change the order of events
   */
  async read (inFlight: readonly string[], maxEvents: number, types = this.#options.types?.()): Promise<Batch> {
    const { maxBatchEvents, maxBatchBytes, wakeups } = this.#options
    wakeups.forget()
    const bound = this.#bound ??= await this.#begin()
    this.#sweep(bound)
    const limits = { maxEvents: Math.min(maxEvents, maxBatchEvents), maxBytes: maxBatchBytes }
    const events = await this.#readFrom(bound, inFlight, limits, types)
    this.#isBehind = events.length === 0 && bound.isBehind(types)
    this.#moveBound(bound)
    return toBatch(events, this.#isFull(events, limits.maxEvents), this.#options)
  }

  /** Resolves when it is worth reading again. */
  async waitForEvents (signal: AbortSignal): Promise<void> {
    if (this.#isBehind) return
    await this.#options.wakeups.wait(this.#options.pollIntervalMs, signal)
  }

  async #begin (): Promise<ScanBound> {
    const { db, shard, shards, onWarning = () => {} } = this.#options
    for (const warning of await inspectOutbox(db)) onWarning(warning)
    return ScanBound.begin(db, { shard, shards })
  }

  async #readFrom (bound: ScanBound, inFlight: readonly string[], limits: Limits, types: TypeFilter | undefined): Promise<OutboxEvent[]> {
    const { maxRecordBytes: maxEventBytes } = this.#options
    const smallest = { maxEvents: 1, maxBytes: 1, inFlight, types }
    try {
      return await this.#size.read(limits, (smaller) => bound.read({ ...smaller, inFlight, types, maxEventBytes }))
    } catch (error) {
      if (!isUnprintable(error) && !isTimeout(error)) throw error
      // A single event is more than Postgres can print, or can print in time. It is read without its payload, to become a dead letter.
      const startedAt = performance.now()
      const [event] = await bound.read({ ...smallest, maxEventBytes: 0 })
      if (event === undefined) return []
      if (isTimeout(error)) {
        // A Postgres that is slow with everything makes no dead letter.
        if (performance.now() - startedAt > QUICK_MS) throw error
        const again = await bound.read({ ...smallest, maxEventBytes }).catch((second: unknown) => { if (!isTimeout(second)) throw second })
        if (again !== undefined) return again
      }
      return [{ ...event, withheldBytes: Infinity }]
    }
  }

  #isFull (events: readonly OutboxEvent[], limit: number): boolean {
    if (events.length === limit) return true
    // One more event of the same size would not have fitted.
    const bytes = events.reduce((sum, { payload, headers }) => sum + payload.length + headers.length, 0)
    return bytes > 0 && bytes + bytes / events.length > this.#options.maxBatchBytes
  }

  /** Reads from the lowest id: once in a while, and when an event may have come back under an old id. */
  #sweep (bound: ScanBound): void {
    const now = performance.now()
    if (!this.#options.wakeups.takeSweep() && now - this.#sweptAt <= this.#options.sweepIntervalMs) return
    this.#sweptAt = now
    bound.startSweep()
  }

  /** Concurrently, not before a read: a bound that is a moment old costs less than the queries that move it. */
  #moveBound (bound: ScanBound): void {
    const now = performance.now()
    if (this.#moving !== undefined || (!this.#isBehind && now - this.#boundAt <= BOUND_INTERVAL_MS)) return
    this.#boundAt = now
    // A failure needs no handling: the next read finds out that Postgres is away.
    this.#moving = bound.advance().catch(() => {}).finally(() => { this.#moving = undefined })
  }
}
