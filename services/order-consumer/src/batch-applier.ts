import { setTimeout as delay } from 'node:timers/promises'
import { isUnavailable } from '@orders/service-kit'
import type { ConsumedBatch, ConsumedRecord } from '@orders/kafka'
import type { Logger } from 'pino'
import type pg from 'pg'
import { applyEvents } from './apply-events.ts'
import type { ConsumerMetrics } from './consumer-metrics.ts'
import type { DeadLetterRecord, DeadLetterTopic } from './dead-letters.ts'
import { readEvent, UnusableRecordError, type ReceivedEvent } from './received-event.ts'

const POISON_PAUSE_MS = 50

export interface ApplyBatchOptions {
  pool: pg.Pool
  deadLetters: DeadLetterTopic
  metrics: ConsumerMetrics
  logger: Logger
  maxEvents: number
  poisonAttempts: number
}

interface Entry {
  record: ConsumedRecord
  event: ReceivedEvent
}

/**
 * Applies what one fetch brought: parts of up to `maxEvents`, each in one transaction. Records that can never be applied
 * go to the dead-letter topic first; their offsets are committed with the rest, after it.
 *
 * @throws when Postgres or Kafka is away: the whole batch is to be given again
 */
export async function applyBatch (batch: ConsumedBatch, options: ApplyBatchOptions): Promise<void> {
  for (let start = 0; start < batch.records.length; start += options.maxEvents) {
    await applyPart(batch, batch.records.slice(start, start + options.maxEvents), options)
  }
}

async function applyPart (batch: ConsumedBatch, records: readonly ConsumedRecord[], options: ApplyBatchOptions): Promise<void> {
  const { entries, unusable } = sort(batch, records)
  if (unusable.length > 0) await putAside(unusable, options)
  try {
    await apply(batch, entries, unusable.length, options)
  } catch (error) {
    if (isUnavailable(error)) throw error
    options.logger.warn({ err: error, partition: batch.partition, events: entries.length }, 'a batch was refused by Postgres, applying its events one by one')
    for (const entry of entries) await applyAlone(batch, entry, options)
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

/** An event that Postgres refuses for what it is must not stop the partition; one that met an outage must not be put aside. */
async function applyAlone (batch: ConsumedBatch, entry: Entry, options: ApplyBatchOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await apply(batch, [entry], 0, options)
      return
    } catch (error) {
      if (isUnavailable(error)) throw error
      if (attempt >= options.poisonAttempts) {
        await putAside([toLetter(batch, entry.record, 'refused-by-postgres', (error as Error).message)], options)
        await apply(batch, [], 1, options)
        return
      }
      await delay(POISON_PAUSE_MS)
    }
  }
}

async function apply (batch: ConsumedBatch, entries: readonly Entry[], deadLetters: number, { pool, metrics, logger }: ApplyBatchOptions): Promise<void> {
  const events = entries.map(({ event }) => event)
  const counts = await applyEvents(pool, batch.partition, events, deadLetters)
  metrics.applied(events, counts)
  logger.info({ partition: batch.partition, ...counts }, 'applied')
  if (logger.isLevelEnabled('debug')) {
    for (const { eventId, orderId, version, status, traceparent } of events) logger.debug({ eventId, orderId, version, status, traceparent }, 'event applied')
  }
}

async function putAside (letters: readonly DeadLetterRecord[], { deadLetters, metrics, logger }: ApplyBatchOptions): Promise<void> {
  await deadLetters.publish(letters)
  for (const { origin, reason, message } of letters) {
    metrics.deadLetter(reason)
    logger.error({ ...origin, reason, detail: message }, 'this record can never be applied: it is on the dead-letter topic now')
  }
}

function toLetter ({ topic, partition }: ConsumedBatch, record: ConsumedRecord, reason: string, message: string): DeadLetterRecord {
  return { record, origin: { topic, partition, offset: record.offset }, reason, message }
}
