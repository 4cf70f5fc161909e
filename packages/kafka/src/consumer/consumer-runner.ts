import { setTimeout as delay } from 'node:timers/promises'
import type { Consumer } from 'kafkajs'
import type { KafkaConnection } from '../connection.ts'
import { ConsumerHealth } from './consumer-health.ts'
import { withDeadline } from '../deadline.ts'
import { handleFetch, type HandleBatch } from './handle-fetch.ts'
import kafkajs from '../kafkajs/index.ts'
import { retryDelayMs, type RetryDelays } from './retry-delay.ts'

const STOP_DEADLINE_MS = 8_000
/** How long a partition that is added to a topic is not noticed, at most; kafkajs's default is five minutes. */
const METADATA_MAX_AGE_MS = 5_000

export interface ConsumerOptions extends Partial<RetryDelays> {
  connection: KafkaConnection
  groupId: string
  topics: string[]
  /**
   * Applies a batch. Its offsets are committed only after it resolved; when it rejects it is called again with the same
   * batch, after a pause, for as long as it takes. What can never succeed it has to put aside itself.
   *
   * It may take longer than the session time-out, but has to end: heartbeats go on meanwhile.
   */
  handleBatch: HandleBatch
  /** Records in one batch, at most: what a single fetch brought is handled, and committed, in parts of this size. */
  maxBatchRecords?: number
  /** kafkajs has given up and does not come back by itself. */
  onFatal: (error: Error) => void
  sessionTimeoutMs?: number
}

export interface RunningConsumer {
  health: ConsumerHealth
  /**
   * Finishes the batch in hand, commits it, and leaves the group, so that its partitions go to others at once. Never
   * throws; after `deadlineMs` it gives up, and the group waits for the session to run out.
   */
  stop: (deadlineMs?: number) => Promise<void>
}

/**
 * Consumes committed records from the beginning, each partition in order, offsets after the effect. Returns at once:
 * Kafka may come up after us, and a topic be made after us.
 */
export function runConsumer (options: ConsumerOptions): RunningConsumer {
  const { connection: { kafka, logger }, groupId, sessionTimeoutMs = 10_000, maxBatchRecords = Infinity, handleBatch, onFatal } = options
  const rebalanceTimeoutMs = sessionTimeoutMs * 2
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: rebalanceTimeoutMs,
    heartbeatInterval: Math.floor(sessionTimeoutMs / 5),
    // A stop waits for the fetch under way, and an idle one lasts this long; 5 s, the default, is most of a drain.
    maxWaitTimeInMs: 500,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    allowAutoTopicCreation: false,
    readUncommitted: false,
    partitionAssigners: [kafkajs.PartitionAssigners.roundRobin],
    // A crash restarts the consumer, which re-joins its group: worth some patience first, and never to be the end.
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8, restartOnFailure: async () => true }
  })
  const health = new ConsumerHealth(consumer, rebalanceTimeoutMs)
  const stopping = new AbortController()
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    logger.warn({ event: 'consumer_crashed', err: error, restart, groupId }, 'the consumer crashed')
    health.startFailed(error)
    if (!restart && !stopping.signal.aborted) onFatal(error)
  })
  commitFilteredBatches(consumer, options)
  const started = start().catch((error: Error) => {
    if (!stopping.signal.aborted) onFatal(error)
  })

  async function start (): Promise<void> {
    await subscribePatiently(consumer, options, health, stopping.signal)
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => handleFetch(payload, {
        ...options, handleBatch, maxBatchRecords, logger, health, stopping: stopping.signal, heartbeatEveryMs: Math.floor(sessionTimeoutMs / 5)
      })
    })
  }

  return {
    health,
    async stop (deadlineMs = STOP_DEADLINE_MS) {
      stopping.abort()
      await withDeadline('leaving the group', deadlineMs, started.then(() => consumer.disconnect())).catch((error: Error) => {
        logger.warn({ event: 'group_not_left', err: error, groupId }, 'the group was not left in time')
      })
    }
  }
}

async function subscribePatiently (consumer: Consumer, options: ConsumerOptions, health: ConsumerHealth, signal: AbortSignal): Promise<void> {
  const { topics, connection: { logger } } = options
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      await consumer.connect()
      await consumer.subscribe({ topics, fromBeginning: true })
      return
    } catch (error) {
      const delayMs = retryDelayMs(attempt, options)
      logger.warn({ event: 'subscribe_failed', err: error, topics, delayMs }, 'Kafka cannot be reached, or not all topics exist yet; trying again')
      health.startFailed(error as Error)
      await delay(delayMs, undefined, { signal })
    }
  }
  signal.throwIfAborted()
}

/**
 * A fetch that brings aborted records and markers of transactions alone is never handed to the handler. kafkajs passes
 * over it, but commits nothing: the group would look as if it lagged until the next event, which may be tomorrow.
 */
function commitFilteredBatches (consumer: Consumer, { connection: { logger } }: ConsumerOptions): void {
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
    if (batchSize > 0) return
    consumer.commitOffsets([{ topic, partition, offset: String(BigInt(lastOffset) + 1n) }]).catch((error: Error) => {
      logger.debug({ event: 'marker_not_committed', err: error, topic, partition }, 'the end of a transaction was not committed; the next event will commit it')
    })
  })
}
