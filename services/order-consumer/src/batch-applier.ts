import { setTimeout as delay } from 'node:timers/promises'
import type { ConsumedBatch, ConsumedRecord } from '@orders/kafka'
import type { Logger } from 'pino'
import type pg from 'pg'
import { applyEvents } from './apply-events.ts'
import type { ConsumerMetrics } from './consumer-metrics.ts'
import type { DeadLetterRecord, DeadLetterTopic } from './dead-letters.ts'
import { readEvent, UnusableRecordError, type ReceivedEvent } from './received-event.ts'
import { refusesEvent } from './refuses-event.ts'

const POISON_PAUSE_MS = 50

export interface BatchApplierOptions {
  pool: pg.Pool
  deadLetters: DeadLetterTopic
  metrics: ConsumerMetrics
  logger: Logger
  poisonAttempts: number
}

interface Entry {
  record: ConsumedRecord
  event: ReceivedEvent
}

/** Applies batches, each in one transaction, and puts aside what can never be applied. */
export class BatchApplier {
  readonly #options: BatchApplierOptions
  /** Of a batch that failed half-way and is given again: what needs no second time, nor has to be counted twice. */
  readonly #done = new WeakSet<ConsumedRecord>()

  constructor (options: BatchApplierOptions) {
    this.#options = options
  }

  /**
   * Records that can never be applied go to the dead-letter topic first; their offsets are committed with the rest, after it.
   *
   * @throws when Postgres or Kafka is away, or the database is not what is expected: the same batch is to be given again
   */
  async apply (batch: ConsumedBatch): Promise<void> {
    try {
      await this.#applyBatch(batch)
    } catch (error) {
      this.#options.metrics.failed()
      throw error
    }
  }

  async #applyBatch (batch: ConsumedBatch): Promise<void> {
    const { entries, unusable } = sort(batch, batch.records.filter((record) => !this.#done.has(record)))
    await this.#putAside(unusable)
    try {
      await this.#applyTogether(batch, entries, unusable.length)
    } catch (error) {
      if (!refusesEvent(error)) throw error
      this.#options.logger.warn({ err: error, partition: batch.partition, events: entries.length }, 'a batch was refused by Postgres, applying its events one by one')
      await this.#applyTogether(batch, [], unusable.length)
      for (const { record } of unusable) this.#done.add(record)
      for (const entry of entries) {
        await this.#applyAlone(batch, entry)
        this.#done.add(entry.record)
      }
    }
  }

  /** An event that Postgres refuses for what it is must not stop the partition; one that met an outage must not be put aside. */
  async #applyAlone (batch: ConsumedBatch, entry: Entry): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#applyTogether(batch, [entry], 0)
        return
      } catch (error) {
        if (!refusesEvent(error)) throw error
        if (attempt >= this.#options.poisonAttempts) {
          await this.#putAside([toLetter(batch, entry.record, 'refused-by-postgres', error.message)])
          await this.#applyTogether(batch, [], 1)
          return
        }
        await delay(POISON_PAUSE_MS)
      }
    }
  }

  async #applyTogether ({ partition }: ConsumedBatch, entries: readonly Entry[], deadLetters: number): Promise<void> {
    const { pool, metrics, logger } = this.#options
    if (entries.length === 0 && deadLetters === 0) return
    const events = entries.map(({ event }) => event)
    const counts = await applyEvents(pool, partition, events, deadLetters)
    metrics.applied(events, counts)
    logger.info({ partition, ...counts }, 'applied')
    if (logger.isLevelEnabled('debug')) {
      for (const { eventId, orderId, version, status, traceparent } of events) logger.debug({ eventId, orderId, version, status, traceparent }, 'event applied')
    }
  }

  async #putAside (letters: readonly DeadLetterRecord[]): Promise<void> {
    const { deadLetters, metrics, logger } = this.#options
    for (const { origin, reason, message } of await deadLetters.publish(letters)) {
      metrics.deadLetter(reason)
      logger.error({ ...origin, reason, detail: message }, 'this record can never be applied: it is on the dead-letter topic now')
    }
  }
}

function sort (batch: ConsumedBatch, records: readonly ConsumedRecord[]): { entries: Entry[], unusable: DeadLetterRecord[] } {
  const entries: Entry[] = []
  const unusable: DeadLetterRecord[] = []
  for (const record of records) {
    try {
      entries.push({ record, event: readEvent(record) })
    } catch (error) {
      if (!(error instanceof UnusableRecordError)) throw error
      unusable.push(toLetter(batch, record, error.reason, error.message))
    }
  }
  return { entries, unusable }
}

function toLetter ({ topic, partition }: ConsumedBatch, record: ConsumedRecord, reason: string, message: string): DeadLetterRecord {
  return { record, origin: { topic, partition, offset: record.offset }, reason, message }
}
