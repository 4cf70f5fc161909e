import { recordBytes, RecordRefusedError } from '@orders/kafka'
import { deadLetter, type Fence, type SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import { sizeAtMost, type Batch } from './batch.ts'

export interface RefusedRecordsOptions {
  db: SqlClient
  /** `block`: the aggregate's later events wait for the dead letter. `skip`: they go on without it. */
  policy: 'block' | 'skip'
  maxBatchEvents: number
  /** Records above are not even offered: a broker that finds a request too large cuts the connection, without a word. */
  maxRecordBytes: number
  /**
   * How long a topic has to be refused before that counts, in milliseconds. A broker that starts, or whose permissions
   * are being restored, says for a while that it knows no such topic.
   */
  topicGraceMs: number
  logger: Logger
  onDeadLetter: () => void
}

/**
 * Finds the record that Kafka refuses and puts it aside, so that it stops its own aggregate at most.
 *
 * Kafka refuses whole batches. The search has no path of its own: after a refusal the next batches are half as large,
 * until one of a single event is refused; with every success they double again. Only a refusal counts here: no number
 * of time-outs or lost connections ever makes a dead letter.
 */
export class RefusedRecords {
  readonly #options: RefusedRecordsOptions
  readonly #refusedSince = new Map<string, number>()
  #batchLimit: number
  #steps = 0

  constructor (options: RefusedRecordsOptions) {
    this.#options = options
    this.#batchLimit = options.maxBatchEvents
  }

  /** How many events the next batch may have. */
  get batchLimit (): number {
    return this.#batchLimit
  }

  /** How often a refusal has led further: to a smaller batch, or to a dead letter. */
  get steps (): number {
    return this.#steps
  }

  hasOversized (batch: Batch): boolean {
    return batch.events.some((_event, index) => this.#oversizeOf(batch, index) !== undefined)
  }

  /** The batch has to be read again then. */
  async removeOversized (fence: Fence, batch: Batch): Promise<void> {
    for (const index of batch.events.keys()) {
      const bytes = this.#oversizeOf(batch, index)
      if (bytes === undefined) continue
      await this.#toDeadLetter(fence, batch, index,
        `expected at most ${this.#options.maxRecordBytes} bytes (RELAY_MAX_RECORD_BYTES), found ${Number.isFinite(bytes) ? bytes : 'more than Postgres can print in time'}`)
    }
  }

  /** Looks at the error that ended a publish; does nothing unless Kafka refused something. */
  async handle (error: unknown, fence: Fence, batch: Batch): Promise<void> {
    if (!(error instanceof RecordRefusedError)) return
    if (error.scope === 'topic' && !this.#graceIsOver(batch)) return
    this.#steps++
    if (batch.ids.length > 1) {
      this.#batchLimit = Math.max(1, batch.ids.length >> 1)
      return
    }
    await this.#toDeadLetter(fence, batch, 0, error.reason)
  }

  published (batch: Batch): void {
    this.#batchLimit = Math.min(this.#batchLimit * 2, this.#options.maxBatchEvents)
    if (this.#refusedSince.size > 0) for (const topic of topicsOf(batch)) this.#refusedSince.delete(topic)
  }

  #oversizeOf (batch: Batch, index: number): number | undefined {
    const { maxRecordBytes } = this.#options
    const [event, record] = [batch.events[index], batch.records[index]]
    if (event?.withheldBytes !== undefined) return event.withheldBytes
    if (event === undefined || record === undefined || sizeAtMost(event, record) <= maxRecordBytes) return undefined
    const bytes = recordBytes(record)
    return bytes > maxRecordBytes ? bytes : undefined
  }

  #graceIsOver (batch: Batch): boolean {
    const now = performance.now()
    const topics = topicsOf(batch)
    for (const topic of topics) if (!this.#refusedSince.has(topic)) this.#refusedSince.set(topic, now)
    return [...topics].some((topic) => now - (this.#refusedSince.get(topic) ?? now) >= this.#options.topicGraceMs)
  }

  async #toDeadLetter (fence: Fence, batch: Batch, index: number, reason: string): Promise<void> {
    const { db, policy, logger, onDeadLetter } = this.#options
    const event = batch.events[index]
    if (event === undefined) return
    await deadLetter(db, fence, event, reason, policy === 'block')
    logger.error({ eventId: event.eventId, aggregateType: event.aggregateType, aggregateId: event.aggregateId, reason, policy },
      'Kafka refuses this event: it is a dead letter now')
    onDeadLetter()
  }
}

function topicsOf (batch: Batch): Set<string> {
  return new Set(batch.records.map(({ topic }) => topic))
}
