import { setTimeout as delay } from 'node:timers/promises'
import type { ConsumedBatch, ConsumedRecord } from '@orders/kafka'
import type { Logger } from 'pino'
import type pg from 'pg'
import { applyEvents, type StatsPlaces } from './apply-events.ts'
import type { ApplyingState } from './applying-state.ts'
import type { ConsumerMetrics } from '../metrics.ts'
import { refusesControl } from './control-event.ts'
import type { Counts } from './add-stats.ts'
import type { DeadLetterRecord, DeadLetterTopic } from '../dead-letters/dead-letters.ts'
import { readEvent, UnusableRecordError, type ReceivedEvent } from './received-event.ts'
import { ApplyingRefusedError, describeRefusal, Refusals } from './refusals.ts'
import { refusesEvent } from './is-data-error.ts'

const POISON_PAUSE_MS = 50

export interface BatchApplierOptions {
  pool: pg.Pool
  deadLetters: DeadLetterTopic
  metrics: ConsumerMetrics
  logger: Logger
  poisonAttempts: number
  refusalsInARow: number
  state: ApplyingState
}

interface Entry {
  record: ConsumedRecord
  event: ReceivedEvent
}

/** Applies batches, each in one transaction, and puts aside what can never be applied. */
export class BatchApplier {
  readonly #options: BatchApplierOptions
  readonly #refusals: Refusals
  readonly #places: StatsPlaces = new Map()
  /** Of a batch that failed half-way and is given again: what needs no second time, nor has to be counted twice. */
  readonly #done = new WeakSet<ConsumedRecord>()

  constructor (options: BatchApplierOptions) {
    this.#options = options
    this.#refusals = new Refusals(options.refusalsInARow)
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
      if (error instanceof ApplyingRefusedError) this.#options.state.refused(error)
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
      // Each time that the batch is given again while the tables refuse everything: said once, by the state.
      const level = this.#options.state.isRefused ? 'debug' : 'warn'
      this.#options.logger[level]({ err: error, partition: batch.partition, events: entries.length }, 'a batch was refused by Postgres, applying its events one by one')
      await this.#applyOneByOne(batch, entries, unusable)
    }
    this.#options.state.accepted()
  }

  /**
   * An event that Postgres refuses for what it is must not stop the partition; one that met an outage, or tables that take
   * none, must not be put aside. Which it is, is clear at the end, when the others have been tried.
   */
  async #applyOneByOne (batch: ConsumedBatch, entries: readonly Entry[], unusable: readonly DeadLetterRecord[]): Promise<void> {
    const { pool } = this.#options
    const refused: Array<{ entry: Entry, error: Error }> = []
    /** The control's answer for each kind of refusal and event, once in this batch. */
    const asked = new Map<string, Promise<Error | undefined>>()
    for (const entry of entries) {
      const error = await this.#applyAlone(batch, entry, this.#options.poisonAttempts)
      if (error === undefined) continue
      await this.#refusals.refused(error, entry.event, (event) => {
        const kind = `${describeRefusal(error)} ${event.status}`
        const answer = asked.get(kind) ?? refusesControl(pool, batch.partition, event)
        asked.set(kind, answer)
        return answer
      })
      // Once more: the tables may have been mended between the refusal and the control.
      if (await this.#applyAlone(batch, entry, 1) !== undefined) refused.push({ entry, error })
    }
    this.#refusals.assertRecordsFault()
    await this.#applyTogether(batch, [], unusable.length)
    for (const { record } of unusable) this.#done.add(record)
    for (const { entry, error } of refused) {
      if (await this.#applyAlone(batch, entry, 1) === undefined) continue
      await this.#putAside([toLetter(batch, entry.record, 'refused-by-postgres', error.message)])
      await this.#applyTogether(batch, [], 1)
      this.#done.add(entry.record)
    }
  }

  /** @returns what Postgres refuses the event with, each time. @throws what says nothing of the event */
  async #applyAlone (batch: ConsumedBatch, entry: Entry, attempts: number): Promise<Error | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#applyTogether(batch, [entry], 0)
        this.#done.add(entry.record)
        return undefined
      } catch (error) {
        if (!refusesEvent(error)) throw error
        if (attempt >= attempts || this.#refusals.isLong) return error
        await delay(POISON_PAUSE_MS)
      }
    }
  }

  async #applyTogether ({ partition }: ConsumedBatch, entries: readonly Entry[], deadLetters: number): Promise<void> {
    const { pool, metrics, logger } = this.#options
    if (entries.length === 0 && deadLetters === 0) return
    const events = entries.map(({ event }) => event)
    const counts: Counts = await applyEvents(pool, partition, events, deadLetters, this.#places)
    if (counts.applied > 0) this.#refusals.tookEffect()
    metrics.applied(events, counts)
    logger.info({ event: 'applied', partition, ...counts }, 'applied')
    if (logger.isLevelEnabled('debug')) {
      for (const { eventId, orderId, version, status, traceparent } of events) logger.debug({ event: 'event_applied', eventId, orderId, version, status, traceparent }, 'event applied')
    }
  }

  async #putAside (letters: readonly DeadLetterRecord[]): Promise<void> {
    const { deadLetters, metrics, logger } = this.#options
    for (const { origin, reason, message, refused } of await deadLetters.publish(letters)) {
      metrics.deadLetter(reason)
      const fields = { ...origin, reason, detail: message }
      if (refused === undefined) logger.error({ event: 'record_dead_lettered', ...fields }, 'this record can never be applied: it is on the dead-letter topic now')
      else logger.error({ event: 'record_dead_lettered', ...fields, refused }, 'this record can never be applied, and Kafka refuses it on the dead-letter topic: a stand-in is there now')
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
  const { offset, damage } = record
  const origin = { topic, partition, offset: damage?.firstOffset ?? offset, ...(damage === undefined || damage.firstOffset === offset ? {} : { lastOffset: offset }) }
  return { record, origin, reason, message }
}
