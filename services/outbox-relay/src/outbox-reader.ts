import { readBatch, ScanBound, type OutboxEvent, type SqlClient } from '@orders/outbox'
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
}

/** Reads batches of one shard, in order, and waits when there is nothing to read. */
export class OutboxReader {
  readonly #options: OutboxReaderOptions
  readonly #bound = new ScanBound()
  #lastRead = 0n
  #boundAt = 0
  #sweptAt = performance.now()

  constructor (options: OutboxReaderOptions) {
    this.#options = options
  }

  /**
   * @param inFlight the ids of the batch that is being published while this one is read
   * @param maxEvents less than the setting while a refused record is being looked for
   */
  async read (inFlight: readonly string[], maxEvents: number): Promise<Batch> {
    const { db, shard, shards, maxBatchEvents, maxBatchBytes, wakeups } = this.#options
    wakeups.forget()
    await this.#moveBound()
    const events = await readBatch(db, {
      shard, shards, inFlight, after: this.#bound.value, maxEvents: Math.min(maxEvents, maxBatchEvents), maxBytes: maxBatchBytes
    })
    this.#lastRead = events.reduce((highest: bigint, { id }: OutboxEvent) => id > highest ? id : highest, this.#lastRead)
    return toBatch(events, this.#options)
  }

  /** Resolves when it is worth reading again. */
  async waitForEvents (signal: AbortSignal): Promise<void> {
    await this.#options.wakeups.wait(this.#options.pollIntervalMs, signal)
  }

  async #moveBound (): Promise<void> {
    const now = performance.now()
    if (this.#options.wakeups.takeSweep() || now - this.#sweptAt > this.#options.sweepIntervalMs) {
      this.#sweptAt = now
      this.#bound.reset()
    } else if (now - this.#boundAt > BOUND_INTERVAL_MS) {
      this.#boundAt = now
      await this.#bound.advance(this.#options.db, this.#lastRead)
    }
  }
}
