import { setTimeout as delay } from 'node:timers/promises'
import type { EachBatchPayload } from 'kafkajs'
import type { Logger } from 'pino'
import type { ConsumerHealth } from './consumer-health.ts'
import type { RecordHeaders } from '../event-record.ts'
import type { RecordDamage } from '../kafkajs/records/fetched-records.ts'
import { retryDelayMs, type RetryDelays } from './retry-delay.ts'

const COMMIT_ATTEMPTS = 5
const UNREADABLE_PAUSE_MS = 2_000

/** A record as it was read. Given again, it is the same object. */
export interface ConsumedRecord {
  offset: string
  /** Milliseconds since 1970. */
  timestamp: string
  key: Buffer | null
  value: Buffer | null
  /** Without a prototype. A header without a value is null, one that is there several times a list. */
  headers: RecordHeaders
  /** This could not be decoded, and never will be. `value` has its bytes; for the handler to put aside. */
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
 * Hands what one fetch brought to the handler, in parts, and commits the offsets of each part after it.
 *
 * @throws when this consumer is no longer what its group takes it for: kafkajs joins the group again then, and what was
 * not committed is read once more
 */
export async function handleFetch (payload: EachBatchPayload, options: HandleFetchOptions): Promise<void> {
  const { batch: { topic, partition }, heartbeat } = payload
  const { readable, unreadable } = split(payload.batch.messages as unknown as ConsumedRecord[])
  if (readable.length > 0 && options.health.readable(topic, partition)) {
    options.logger.info({ event: 'batch_readable', topic, partition }, 'the batch can be read again')
  }
  // kafkajs sends none while a handler works, and the group would take a slow one for dead. What they fail with, the next
  // commit or heartbeat of ours fails with too, at a point where it can be acted upon.
  const heartbeats = setInterval(() => { heartbeat().catch(() => {}) }, options.heartbeatEveryMs)
  try {
    for (let start = 0; start < readable.length; start += options.maxBatchRecords) {
      const records = readable.slice(start, start + options.maxBatchRecords)
      if (!await apply({ topic, partition, records }, payload, options)) return
      await commit(records, unreadable === undefined && start + records.length === readable.length, payload, options)
      if (!options.stopping.aborted) await heartbeat()
    }
    if (unreadable !== undefined) waitForReadable(unreadable, payload, options)
  } finally {
    clearInterval(heartbeats)
  }
}

/** What can be handed out, and the batch behind it that stops the partition, if there is one. */
function split (records: readonly ConsumedRecord[]): { readable: readonly ConsumedRecord[], unreadable?: RecordDamage } {
  const at = records.findIndex(({ damage }) => damage?.kind === 'unreadable')
  const damage = records[at]?.damage
  return damage === undefined ? { readable: records } : { readable: records.slice(0, at), unreadable: damage }
}

/**
 * A batch that is not what was written is not skipped: what its events were is unknown, and another fetch, a mended broker
 * or a newer version of this code may bring them. The other partitions go on meanwhile.
 */
function waitForReadable (damage: RecordDamage, { batch: { topic, partition }, pause }: EachBatchPayload, { health, logger }: HandleFetchOptions): void {
  if (health.unreadable(topic, partition)) {
    logger.error({ event: 'batch_unreadable', topic, partition, offset: damage.firstOffset, detail: damage.message },
      'a batch of records cannot be read: its partition waits, and it is fetched again every few seconds')
  }
  const resume = pause()
  setTimeout(resume, UNREADABLE_PAUSE_MS).unref()
}

/** @returns whether the batch was applied; else the consumer is to give its partition up */
async function apply (batch: ConsumedBatch, payload: EachBatchPayload, options: HandleFetchOptions): Promise<boolean> {
  const { handleBatch, health, logger, stopping } = options
  const { topic, partition, records } = batch
  for (let attempt = 0; ; attempt++) {
    // Another member may own the partition by now; what it reads again, its inbox knows.
    if (!payload.isRunning() || payload.isStale() || stopping.aborted) return false
    try {
      await handleBatch(batch)
      health.sign()
      return true
    } catch (error) {
      health.sign()
      const delayMs = retryDelayMs(attempt, options)
      logger.warn({ event: 'batch_not_applied', err: error, topic, partition, records: records.length, delayMs }, 'a batch could not be applied, trying again')
      // Retried here, not by a throw: that would end with a restart of the consumer, for itself and for its group.
      await delay(delayMs, undefined, { signal: stopping }).catch(() => {})
      if (!stopping.aborted) await payload.heartbeat()
    }
  }
}

async function commit (
  records: readonly ConsumedRecord[], isLastPart: boolean, { batch, resolveOffset, commitOffsetsIfNecessary }: EachBatchPayload, { logger, stopping, ...delays }: HandleFetchOptions
): Promise<void> {
  const { topic, partition } = batch
  // lastOffset, not that of the last record: behind it may be a transaction's marker, and a group that never commits past
  // it looks for ever as if it lagged by one.
  const lastOffset = isLastPart ? batch.lastOffset() : records.at(-1)?.offset ?? batch.lastOffset()
  const offsets = { topics: [{ topic, partitions: [{ partition, offset: String(BigInt(lastOffset) + 1n) }] }] }
  for (let attempt = 0; ; attempt++) {
    try {
      // Not consumer.commitOffsets: that one does nothing once a stop has begun, so that the batch in hand would be read
      // again by the next owner; and it wraps "the group is rebalancing" so that kafkajs itself takes it for the end.
      await commitOffsetsIfNecessary(offsets)
      break
    } catch (error) {
      if (attempt + 1 >= COMMIT_ATTEMPTS || stopping.aborted || isAboutMembership(error)) throw error
      const delayMs = retryDelayMs(attempt, delays)
      logger.warn({ event: 'offsets_not_committed', err: error, topic, partition, delayMs }, 'the offsets of an applied batch could not be committed, trying again')
      await delay(delayMs, undefined, { signal: stopping }).catch(() => {})
    }
  }
  // After the commit: what could not be committed is fetched again, so that the group's offset is never left behind.
  resolveOffset(lastOffset)
}

// https://kafka.apache.org/protocol#protocol_error_codes
const MEMBERSHIP_ERRORS = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'NOT_COORDINATOR_FOR_GROUP', 'FENCED_INSTANCE_ID'])

function isAboutMembership (error: unknown): boolean {
  return MEMBERSHIP_ERRORS.has((error as { type?: string }).type ?? '')
}
