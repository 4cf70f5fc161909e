import { readBatch, ScanBound, type OutboxEvent, type SqlClient, type TypeFilter } from '@orders/outbox'
import { toBatch, type Batch, type RecordOptions } from './batch.ts'
import type { Wakeups } from './wakeups.ts'

/** How often the bound of the scan may move, in milliseconds: each move costs up to three small queries. */
const BOUND_INTERVAL_MS = 250

export interface OutboxReaderOptions extends RecordOptions {
  db: SqlClient
  shard: number
  shards: number
  maxBatchEvents: number
  maxBatchBytes: number
  pollIntervalMs: number
  sweepIntervalMs: number
  wakeups: Wakeups
  /** Which aggregate types are read, asked at each read; all of them when it is left out. */
  types?: () => TypeFilter | undefined
}

/** Reads batches of one shard, in order, and waits when there is nothing to read. */
export class OutboxReader {
  readonly #options: OutboxReaderOptions
  readonly #bound = new ScanBound()
  #lastRead = 0n
  #boundAt = 0
  #moving: Promise<void> | undefined
  #sweptAt = performance.now()

  constructor (options: OutboxReaderOptions) {
    this.#options = options
  }

  /**
   * @param inFlight the ids of the batches that are published or being published, and not completed yet
   * @param maxEvents less than the setting while a refused record is being looked for
   * @param types other aggregate types than those that are read usually
   */
  async read (inFlight: readonly string[], maxEvents: number, types = this.#options.types?.()): Promise<Batch> {
    const { db, shard, shards, maxBatchEvents, maxBatchBytes, wakeups } = this.#options
    wakeups.forget()
    await this.#sweep()
    const limit = Math.min(maxEvents, maxBatchEvents)
    const events = await readBatch(db, { shard, shards, inFlight, after: this.#bound.value, maxEvents: limit, maxBytes: maxBatchBytes, types })
    const last = BigInt(events.at(-1)?.id ?? 0)
    if (last > this.#lastRead) this.#lastRead = last
    this.#moveBound()
    return toBatch(events, this.#isFull(events, limit), this.#options)
  }

  /** Resolves when it is worth reading again. */
  async waitForEvents (signal: AbortSignal): Promise<void> {
    await this.#options.wakeups.wait(this.#options.pollIntervalMs, signal)
  }

  #isFull (events: readonly OutboxEvent[], limit: number): boolean {
    if (events.length === limit) return true
    // One more of their size would not have fitted.
    const bytes = events.reduce((sum, { payload, headers }) => sum + payload.length + headers.length, 0)
    return bytes > 0 && bytes + bytes / events.length > this.#options.maxBatchBytes
  }

  /** Reads from the very beginning, now and then and when an event may have come back under an old id. */
  async #sweep (): Promise<void> {
    const now = performance.now()
    if (!this.#options.wakeups.takeSweep() && now - this.#sweptAt <= this.#options.sweepIntervalMs) return
    this.#sweptAt = now
    // A move under way would put the bound back.
    await this.#moving
    this.#bound.reset()
  }

  /** Beside the work, not before a read: a bound that is a moment old costs less than the queries that move it. */
  #moveBound (): void {
    const now = performance.now()
    if (this.#moving !== undefined || now - this.#boundAt <= BOUND_INTERVAL_MS) return
    this.#boundAt = now
    // Whether it moved is no matter: when Postgres is away, the next read says so.
    this.#moving = this.#bound.advance(this.#options.db, this.#lastRead).catch(() => {}).finally(() => { this.#moving = undefined })
  }
}
