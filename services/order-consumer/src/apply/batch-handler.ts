import { setTimeout as delay } from 'node:timers/promises'
import type { ConsumedBatch, ConsumedRecord } from '@orders/kafka'
import type { Logger } from 'pino'
import type pg from 'pg'
import { applyEvents, type StatsPlaces } from './apply-events.ts'
import { tryControlEvent } from './control-event.ts'
import { readEvent, UnusableRecordError, type ReceivedEvent } from './received-event.ts'
import { describeRefusal, isDataError, Refusals, TablesRefuseError } from './refusals.ts'
import type { Counts } from './repository.ts'
import type { TableHealth } from './table-health.ts'
import type { DeadLetterRecord, DeadLetterTopic } from '../dead-letters/dead-letters.ts'
import type { ConsumerMetrics } from './metrics.ts'

const POISON_PAUSE_MS = 50

export interface BatchHandlerOptions {
  pool: pg.Pool
  deadLetters: DeadLetterTopic
  metrics: ConsumerMetrics
  logger: Logger
  /** CONSUMER_POISON_ATTEMPTS */
  poisonAttempts: number
  /** CONSUMER_REFUSALS_IN_A_ROW */
  refusalsInARow: number
  tables: TableHealth
}

interface Entry {
  record: ConsumedRecord
  event: ReceivedEvent
}

/** Applies batches, each in one transaction. Records that can never be applied become dead letters. */
export class BatchHandler {
  readonly #options: BatchHandlerOptions
  readonly #refusals: Refusals
  readonly #places: StatsPlaces = new Map()
  /** Finished records of a batch that failed half-way. When the batch comes again, they are neither applied nor counted again. */
  readonly #done = new WeakSet<ConsumedRecord>()

  constructor (options: BatchHandlerOptions) {
    this.#options = options
    this.#refusals = new Refusals(options.refusalsInARow)
  }

  /**
   * Handles one batch. Dead letters are published first. The caller commits the offsets of all records afterwards.
   *
   * @throws if Postgres or Kafka is unavailable, or the tables refuse all events: the same batch has to be handled again
   */
  async handle (batch: ConsumedBatch): Promise<void> {
    try {
      await this.#process(batch)
    } catch (error) {
      this.#options.metrics.countFailure()
      if (error instanceof TablesRefuseError) this.#options.tables.refused(error)
      throw error
    }
  }

  async #process (batch: ConsumedBatch): Promise<void> {
    const { entries, unusable } = decode(batch, batch.records.filter((record) => !this.#done.has(record)))
    await this.#publishDeadLetters(unusable)
    try {
      await this.#commit(batch, entries, unusable.length)
    } catch (error) {
      if (!isDataError(error)) throw error
      // While the tables refuse all events, this repeats with every attempt. TableHealth logs it already.
      const level = this.#options.tables.isRefusing ? 'debug' : 'warn'
      this.#options.logger[level]({ event: 'batch_refused', err: error, partition: batch.partition, events: entries.length }, 'Postgres refused a batch, applying its events one by one')
      await this.#isolateRefused(batch, entries, unusable)
    }
    this.#options.tables.accepted()
  }

  /**
   * Applies the events one by one. An event whose data Postgres refuses becomes a dead letter, so that it does not stop the
   * partition. An outage, or tables that refuse all events, must not make dead letters. That is clear only after all other events
   * were tried.
   */
  async #isolateRefused (batch: ConsumedBatch, entries: readonly Entry[], unusable: readonly DeadLetterRecord[]): Promise<void> {
    const { pool } = this.#options
    const refused: Array<{ entry: Entry, error: Error }> = []
    /** One control event for each reason and status in this batch. */
    const controls = new Map<string, Promise<Error | undefined>>()
    for (const entry of entries) {
      const error = await this.#tryEvent(batch, entry, this.#options.poisonAttempts)
      if (error === undefined) continue
      await this.#refusals.refused(error, entry.event, (event) => {
        const kind = `${describeRefusal(error)} ${event.status}`
        const control = controls.get(kind) ?? tryControlEvent(pool, batch.partition, event)
        controls.set(kind, control)
        return control
      })
      // Once more: the tables may have been corrected between the refusal and the control event.
      if (await this.#tryEvent(batch, entry, 1) !== undefined) refused.push({ entry, error })
    }
    this.#refusals.assertRecordsFault()
    await this.#commit(batch, [], unusable.length)
    for (const { record } of unusable) this.#done.add(record)
    for (const { entry, error } of refused) {
      if (await this.#tryEvent(batch, entry, 1) === undefined) continue
      await this.#publishDeadLetters([toDeadLetter(batch, entry.record, 'refused-by-postgres', error.message)])
      await this.#commit(batch, [], 1)
      this.#done.add(entry.record)
    }
  }

  /** @returns Postgres's error if it refuses the event in every attempt. @throws errors that say nothing about the event */
  async #tryEvent (batch: ConsumedBatch, entry: Entry, attempts: number): Promise<Error | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#commit(batch, [entry], 0)
        this.#done.add(entry.record)
        return undefined
      } catch (error) {
        if (!isDataError(error)) throw error
        if (attempt >= attempts || this.#refusals.isLong) return error
        await delay(POISON_PAUSE_MS)
      }
    }
  }

  /** Applies the events, and counts the dead letters, in one transaction. */
  async #commit ({ partition }: ConsumedBatch, entries: readonly Entry[], deadLetters: number): Promise<void> {
    const { pool, metrics, logger } = this.#options
    if (entries.length === 0 && deadLetters === 0) return
    const events = entries.map(({ event }) => event)
    const counts: Counts = await applyEvents(pool, partition, events, deadLetters, this.#places)
    if (counts.applied > 0) this.#refusals.tookEffect()
    metrics.countBatch(events, counts)
    logger.info({ event: 'applied', partition, ...counts }, 'applied')
    if (logger.isLevelEnabled('debug')) {
      for (const { eventId, orderId, version, status, traceparent } of events) logger.debug({ event: 'event_applied', eventId, orderId, version, status, traceparent }, 'event applied')
    }
  }

  async #publishDeadLetters (letters: readonly DeadLetterRecord[]): Promise<void> {
    const { deadLetters, metrics, logger } = this.#options
    for (const { origin, reason, message, refused } of await deadLetters.publish(letters)) {
      metrics.countDeadLetter(reason)
      const fields = { ...origin, reason, detail: message }
      if (refused === undefined) logger.error({ event: 'record_dead_lettered', ...fields }, 'this record can never be applied: it is on the dead-letter topic now')
      else logger.error({ event: 'record_dead_lettered', ...fields, refused }, 'this record can never be applied, and Kafka refuses it as a dead letter: a stand-in is on the dead-letter topic now')
    }
  }
}

function decode (batch: ConsumedBatch, records: readonly ConsumedRecord[]): { entries: Entry[], unusable: DeadLetterRecord[] } {
  const entries: Entry[] = []
  const unusable: DeadLetterRecord[] = []
  for (const record of records) {
    try {
      entries.push({ record, event: readEvent(record) })
    } catch (error) {
      if (!(error instanceof UnusableRecordError)) throw error
      unusable.push(toDeadLetter(batch, record, error.reason, error.message))
    }
  }
  return { entries, unusable }
}

function toDeadLetter ({ topic, partition }: ConsumedBatch, record: ConsumedRecord, reason: string, message: string): DeadLetterRecord {
  const { offset, damage } = record
  const origin = { topic, partition, offset: damage?.firstOffset ?? offset, ...(damage === undefined || damage.firstOffset === offset ? {} : { lastOffset: offset }) }
  return { record, origin, reason, message }
}
