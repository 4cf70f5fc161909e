import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { RecordHeaders } from '../event-record.ts'
import type { EachBatchPayload } from '../kafkajs/index.ts'
import type { RecordDamage } from '../kafkajs/records/fetched-records.ts'
import type { ConsumerHealth } from './consumer-health.ts'

const COMMIT_ATTEMPTS = 5
const UNREADABLE_PAUSE_MS = 2_000

/** A record as it was read. A retry passes the same object again. */
export interface ConsumedRecord {
  offset: string
  /** Milliseconds since 1970. */
  timestamp: string
  key: Buffer | null
  value: Buffer | null
  /** Without a prototype. A header without a value is null; one that occurs several times is a list. */
  headers: RecordHeaders
  /** Set when the record could not be decoded, and never will be. `value` has its bytes, for the handler's dead letter. */
  damage?: RecordDamage
}

export interface ConsumedBatch {
  topic: string
  partition: number
  records: readonly ConsumedRecord[]
}

export type HandleBatch = (batch: ConsumedBatch) => Promise<void>

export interface HandleFetchOptions extends Partial<RetryDelays> {
  handleBatch: HandleBatch
  maxBatchRecords: number
  heartbeatEveryMs: number
  health: ConsumerHealth
  logger: Logger
  stopping: AbortSignal
}

/**
 * Passes one fetch to the handler, in parts, and commits the offsets of each part after it.
 *
 * @throws when the group no longer counts this consumer as a member. kafkajs then joins the group again, and records that were not
 * committed are read again
 */
export async function handleFetch (payload: EachBatchPayload, options: HandleFetchOptions): Promise<void> {
  const { batch: { topic, partition }, heartbeat } = payload
  const { readable, unreadable } = splitAtUnreadable(payload.batch.messages as unknown as ConsumedRecord[])
  if (readable.length > 0 && options.health.markReadable(topic, partition)) {
    options.logger.info({ event: 'batch_readable', topic, partition }, 'the batch can be read again')
  }
  // kafkajs sends no heartbeat while a handler works, so a slow handler would lose its membership. Errors are ignored here: the next
  // commit or heartbeat below fails with the same error, where it can be handled.
  const heartbeats = setInterval(() => { heartbeat().catch(() => {}) }, options.heartbeatEveryMs)
  try {
    for (let start = 0; start < readable.length; start += options.maxBatchRecords) {
      const records = readable.slice(start, start + options.maxBatchRecords)
      if (!await handleWithRetry({ topic, partition, records }, payload, options)) return
      await commit(records, unreadable === undefined && start + records.length === readable.length, payload, options)
      if (!options.stopping.aborted) await heartbeat()
    }
    if (unreadable !== undefined) pausePartition(unreadable, payload, options)
  } finally {
    clearInterval(heartbeats)
  }
}

/** The records before the first unreadable batch, and that batch if there is one. */
function splitAtUnreadable (records: readonly ConsumedRecord[]): { readable: readonly ConsumedRecord[], unreadable?: RecordDamage } {
  const at = records.findIndex(({ damage }) => damage?.kind === 'unreadable')
  const damage = records[at]?.damage
  return damage === undefined ? { readable: records } : { readable: records.slice(0, at), unreadable: damage }
}

/**
 * An unreadable batch is not skipped, because its events are unknown. Another fetch, a repaired broker or a newer version of this
 * code may read it. The other partitions go on meanwhile.
 */
function pausePartition (damage: RecordDamage, { batch: { topic, partition }, pause }: EachBatchPayload, { health, logger }: HandleFetchOptions): void {
  if (health.markUnreadable(topic, partition)) {
    logger.error({ event: 'batch_unreadable', topic, partition, offset: damage.firstOffset, detail: damage.message },
      'a record batch cannot be read: its partition waits, and the batch is fetched again every few seconds')
  }
  const resume = pause()
  setTimeout(resume, UNREADABLE_PAUSE_MS).unref()
}

/** @returns false when the batch was not applied, because the consumer stops or may have lost the partition */
async function handleWithRetry (batch: ConsumedBatch, payload: EachBatchPayload, options: HandleFetchOptions): Promise<boolean> {
  const { handleBatch, health, logger, stopping } = options
  const { topic, partition, records } = batch
  for (let attempt = 0; ; attempt++) {
    // Another member may own the partition by now. The inbox absorbs records that it reads again.
    if (!payload.isRunning() || payload.isStale() || stopping.aborted) return false
    try {
      await handleBatch(batch)
      health.markActive()
      return true
    } catch (error) {
      health.markActive()
      const delayMs = retryDelayMs(attempt, options)
      logger.warn({ event: 'batch_not_applied', err: error, topic, partition, records: records.length, delayMs }, 'a batch was not applied: retrying')
      // Retried here. A throw would restart the consumer and rebalance its group.
      await delay(delayMs, undefined, { signal: stopping }).catch(() => {})
      if (!stopping.aborted) await payload.heartbeat()
    }
  }
}

async function commit (
  records: readonly ConsumedRecord[], isLastPart: boolean, { batch, resolveOffset, commitOffsetsIfNecessary }: EachBatchPayload, { logger, stopping, ...delays }: HandleFetchOptions
): Promise<void> {
  const { topic, partition } = batch
  // batch.lastOffset, not the last record's: a transaction marker may follow the record, and a group that never commits past the
  // marker shows a lag of one forever.
  const lastOffset = isLastPart ? batch.lastOffset() : records.at(-1)?.offset ?? batch.lastOffset()
  const offsets = { topics: [{ topic, partitions: [{ partition, offset: String(BigInt(lastOffset) + 1n) }] }] }
  for (let attempt = 0; ; attempt++) {
    try {
      // Not consumer.commitOffsets. That one does nothing once a stop has begun, so the next owner would read the batch in hand
      // again. It also wraps "the group is rebalancing" in an error that kafkajs takes as final.
      await commitOffsetsIfNecessary(offsets)
      break
    } catch (error) {
      if (attempt + 1 >= COMMIT_ATTEMPTS || stopping.aborted || isAboutMembership(error)) throw error
      const delayMs = retryDelayMs(attempt, delays)
      logger.warn({ event: 'offsets_not_committed', err: error, topic, partition, delayMs }, 'the offsets of an applied batch were not committed: retrying')
      await delay(delayMs, undefined, { signal: stopping }).catch(() => {})
    }
  }
  // After the commit: records without a commit are fetched again, so the group's offset never stays behind.
  resolveOffset(lastOffset)
}

// https://kafka.apache.org/protocol#protocol_error_codes
const MEMBERSHIP_ERRORS = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'NOT_COORDINATOR_FOR_GROUP', 'FENCED_INSTANCE_ID'])

function isAboutMembership (error: unknown): boolean {
  return MEMBERSHIP_ERRORS.has((error as { type?: string }).type ?? '')
}

export interface RetryDelays {
  minRetryDelayMs: number
  maxRetryDelayMs: number
}

/** Doubles with each attempt up to the maximum. Random, so that two consumers that failed together do not retry together. */
export function retryDelayMs (attempt: number, { minRetryDelayMs = 100, maxRetryDelayMs = 2_000 }: Partial<RetryDelays>): number {
  const ceiling = Math.min(maxRetryDelayMs, minRetryDelayMs * 2 ** Math.min(attempt, 20))
  return Math.round(ceiling * (0.5 + Math.random() / 2))
}
