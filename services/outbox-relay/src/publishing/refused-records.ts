import type { RecordRefusedError } from '@orders/kafka'
import { deadLetter, type Fence, type OutboxEvent, type SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import type { Batch } from './batch.ts'

export interface RefusedRecordsOptions {
  db: SqlClient
  /** `block`: the aggregate's later events wait for the dead letter. `skip`: they are published without it. */
  policy: 'block' | 'skip'
  maxBatchEvents: number
  logger: Logger
  onDeadLetter: () => void
}

/**
 * Finds the record that Kafka refuses and moves its event to the dead letters, so that it stops its own aggregate at most.
 *
 * Kafka refuses whole batches. The search needs no path of its own: after a refusal the next batches are half as large, until
 * a batch of one event is refused. With every success they double again. Only a fault of the record itself counts here: no
 * outage, missing topic, missing right or wrong clock ever makes a dead letter.
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

  /** How often a refusal has led to a smaller batch or to a dead letter. */
  get steps (): number {
    return this.#steps
  }

  /** Moves the batch's events without a usable record to the dead letters. */
  async deadLetterUnsendable (fence: Fence, { unsendable }: Batch): Promise<void> {
    // In the order of ids: of two in one aggregate, the first is the one that blocks.
    for (const { event, reason } of unsendable) await this.#toDeadLetter(fence, event, reason)
  }

  /** Moves an event to the dead letters whose topic has been withheld for longer than RELAY_TOPIC_GRACE_MS. */
  async deadLetterExpired (fence: Fence, event: OutboxEvent, reason = 'its topic cannot be written to'): Promise<void> {
    await this.#toDeadLetter(fence, event, reason)
  }

  /** Kafka refused a record of this batch: the next batch is smaller, or the only event becomes a dead letter. */
  async handle (error: RecordRefusedError, fence: Fence, batch: Batch): Promise<void> {
    this.#steps++
    const [event] = batch.events
    if (batch.events.length > 1) this.#batchLimit = Math.max(1, batch.events.length >> 1)
    else if (event !== undefined) await this.#toDeadLetter(fence, event, error.reason)
  }

  published (): void {
    this.#batchLimit = Math.min(this.#batchLimit * 2, this.#options.maxBatchEvents)
  }

  async #toDeadLetter (fence: Fence, event: OutboxEvent, reason: string): Promise<void> {
    const { db, policy, logger, onDeadLetter } = this.#options
    await deadLetter(db, fence, event, reason, policy === 'block')
    logger.error({ event: 'event_dead_lettered', eventId: event.eventId, aggregateType: event.aggregateType, aggregateId: event.aggregateId, reason, policy },
      'this event cannot be published: it is a dead letter now')
    onDeadLetter()
  }
}
