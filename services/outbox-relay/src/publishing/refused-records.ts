import { recordBytes, RecordRefusedError } from '@orders/kafka'
import { deadLetter, type Fence, type OutboxEvent, type SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import { sizeAtMost, type Batch, type UnencodableEvent } from './batch.ts'

export interface RefusedRecordsOptions {
  db: SqlClient
  /** `block`: the aggregate's later events wait for the dead letter. `skip`: they go on without it. */
  policy: 'block' | 'skip'
  maxBatchEvents: number
  /** Records above are not even offered: a broker that finds a request too large cuts the connection, without a word. */
  maxRecordBytes: number
  logger: Logger
  onDeadLetter: () => void
}

/**
 * Finds the record that Kafka refuses and puts it aside, so that it stops its own aggregate at most.
 *
 * Kafka refuses whole batches. The search has no path of its own: after a refusal the next batches are half as large,
 * until one of a single event is refused; with every success they double again. Only what is wrong with the record itself
 * counts here: no outage, no missing topic or right and no wrong clock ever makes a dead letter.
 */
export class RefusedRecords {
  readonly #options: RefusedRecordsOptions
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

  /** Whether there are events that are not even offered to Kafka: too large, or no record can be made of them. */
  hasUnsendable (batch: Batch): boolean {
    return batch.unencodable.length > 0 || batch.events.some((_event, index) => this.#oversizeOf(batch, index) !== undefined)
  }

  /** The batch has to be read again then: of the same aggregate there may be later events in it. */
  async removeUnsendable (fence: Fence, batch: Batch): Promise<void> {
    for (const { event, reason } of this.#unsendable(batch)) await this.#toDeadLetter(fence, event, reason)
  }

  /** Looks at the error that ended a publish; does nothing unless Kafka refused a record. */
  async handle (error: unknown, fence: Fence, batch: Batch): Promise<void> {
    if (!(error instanceof RecordRefusedError)) return
    this.#steps++
    const [event] = batch.events
    if (batch.events.length > 1) this.#batchLimit = Math.max(1, batch.events.length >> 1)
    else if (event !== undefined) await this.#toDeadLetter(fence, event, error.reason)
  }

  /** Puts an event aside whose topic is given up (RELAY_TOPIC_GRACE_MS). */
  async giveUp (fence: Fence, event: OutboxEvent, reason = 'its topic cannot be written to'): Promise<void> {
    await this.#toDeadLetter(fence, event, reason)
  }

  published (): void {
    this.#batchLimit = Math.min(this.#batchLimit * 2, this.#options.maxBatchEvents)
  }

  #unsendable (batch: Batch): UnencodableEvent[] {
    const oversized = batch.events.flatMap((event, index) => {
      const bytes = this.#oversizeOf(batch, index)
      return bytes === undefined ? [] : [{ event, reason: `expected at most ${this.#options.maxRecordBytes} bytes (RELAY_MAX_RECORD_BYTES), found ${Number.isFinite(bytes) ? bytes : 'more than Postgres can print in time'}` }]
    })
    // In the order of their ids: of two in one aggregate, the first is the one that blocks.
    return [...batch.unencodable, ...oversized].sort((a, b) => Number(BigInt(a.event.id) - BigInt(b.event.id)))
  }

  #oversizeOf (batch: Batch, index: number): number | undefined {
    const { maxRecordBytes } = this.#options
    const [event, record] = [batch.events[index], batch.records[index]]
    if (event?.withheldBytes !== undefined) return event.withheldBytes
    if (event === undefined || record === undefined || sizeAtMost(event, record) <= maxRecordBytes) return undefined
    const bytes = recordBytes(record)
    return bytes > maxRecordBytes ? bytes : undefined
  }

  async #toDeadLetter (fence: Fence, event: OutboxEvent, reason: string): Promise<void> {
    const { db, policy, logger, onDeadLetter } = this.#options
    await deadLetter(db, fence, event, reason, policy === 'block')
    logger.error({ event: 'event_dead_lettered', eventId: event.eventId, aggregateType: event.aggregateType, aggregateId: event.aggregateId, reason, policy },
      'Kafka refuses this event: it is a dead letter now')
    onDeadLetter()
  }
}
