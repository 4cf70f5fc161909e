import { setTimeout as delay } from 'node:timers/promises'
import { withDeadline } from '../deadline.ts'
import { clientOf, type KafkaConnection } from '../kafkajs/client.ts'
import kafkajs, { type Consumer } from '../kafkajs/index.ts'
import { causesOf } from '../publisher/publish-errors.ts'
import { ConsumerHealth } from './consumer-health.ts'
import { handleFetch, retryDelayMs, type HandleBatch, type RetryDelays } from './handle-fetch.ts'

const STOP_DEADLINE_MS = 8_000
/** A partition that is added to a topic is noticed within this time; kafkajs's default is five minutes. */
const METADATA_MAX_AGE_MS = 5_000
/** Between two attempts while a right is missing, or the password is wrong. */
const RIGHTS_PAUSE_MS = 2_000

export interface ConsumerOptions extends Partial<RetryDelays> {
  connection: KafkaConnection
  groupId: string
  topics: string[]
  /**
   * Applies a batch. Its offsets are committed after the handler resolved. When it rejects, it is called again with the same batch
   * after a delay, forever. So the handler itself has to put records aside that can never be applied.
   *
   * It may take longer than the session timeout, because heartbeats go on meanwhile. But it has to end.
   */
  handleBatch: HandleBatch
  /** The most records in one batch. A larger fetch is handled and committed in parts of this size. */
  maxBatchRecords?: number
  /** kafkajs has given up and does not recover. */
  onFatal: (error: Error) => void
  /** 10 s if not given. */
  sessionTimeoutMs?: number
}

export interface RunningConsumer {
  health: ConsumerHealth
  /**
   * Finishes the batch in hand, commits it, and leaves the group, so that other members get its partitions at once. Never throws.
   * After `deadlineMs` (8 s if not given) it gives up, and the group waits for the session timeout.
   */
  stop: (deadlineMs?: number) => Promise<void>
}

/**
 * Consumes committed records from the beginning: each partition in order, offsets committed after the effect. Returns at once,
 * and retries until Kafka is reachable and the topics exist.
 */
export function runConsumer (options: ConsumerOptions): RunningConsumer {
  const { connection, groupId, sessionTimeoutMs = 10_000, maxBatchRecords = Infinity, handleBatch, onFatal } = options
  const { logger } = connection
  const rebalanceTimeoutMs = sessionTimeoutMs * 2
  const consumer = clientOf(connection).consumer({
    groupId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: rebalanceTimeoutMs,
    heartbeatInterval: Math.floor(sessionTimeoutMs / 5),
    // A stop waits for the fetch in flight, and a fetch without records takes this long. The default of 5 s is most of a drain.
    maxWaitTimeInMs: 500,
    metadataMaxAge: METADATA_MAX_AGE_MS,
    allowAutoTopicCreation: false,
    readUncommitted: false,
    partitionAssigners: [kafkajs.PartitionAssigners.roundRobin],
    // After the retries the consumer crashes and restarts, which rebalances its group. It must restart every time.
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8, restartOnFailure: async () => true }
  })
  const health = new ConsumerHealth(consumer, rebalanceTimeoutMs)
  const stopping = new AbortController()
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    logger.warn({ event: 'consumer_crashed', err: error, restart, groupId }, 'the consumer crashed')
    health.startFailed(error)
    if (restart || stopping.signal.aborted) return
    // kafkajs gives up here. A grant that is taken away for a moment would end every replica, with all that does not need Kafka.
    if (isAboutRights(error)) started = delay(RIGHTS_PAUSE_MS, undefined, { signal: stopping.signal }).then(start).catch(startFailed)
    else onFatal(error)
  })
  commitFilteredBatches(consumer, options)
  let started = start().catch(startFailed)

  function startFailed (error: Error): void {
    if (!stopping.signal.aborted) onFatal(error)
  }

  async function start (): Promise<void> {
    await subscribeWithRetry(consumer, options, health, stopping.signal)
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
        logger.warn({ event: 'group_not_left', err: error, groupId }, 'the consumer did not leave its group in time')
      })
    }
  }
}

// https://kafka.apache.org/protocol#protocol_error_codes
const RIGHTS_ERRORS = new Set(['GROUP_AUTHORIZATION_FAILED', 'TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'SASL_AUTHENTICATION_FAILED'])

/** An operator can grant what is missing, and the same request succeeds then. */
function isAboutRights (error: Error): boolean {
  return causesOf(error).some((cause) => RIGHTS_ERRORS.has(cause.type ?? '') || (cause as Partial<Error>).name === 'KafkaJSSASLAuthenticationError')
}

async function subscribeWithRetry (consumer: Consumer, options: ConsumerOptions, health: ConsumerHealth, signal: AbortSignal): Promise<void> {
  const { topics, connection: { logger } } = options
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      await consumer.connect()
      await consumer.subscribe({ topics, fromBeginning: true })
      return
    } catch (error) {
      const delayMs = retryDelayMs(attempt, options)
      logger.warn({ event: 'subscribe_failed', err: error, topics, delayMs }, 'Kafka cannot be reached or a topic does not exist yet: retrying')
      health.startFailed(error as Error)
      await delay(delayMs, undefined, { signal })
    }
  }
  signal.throwIfAborted()
}

/**
 * Commits past fetches that contain only aborted records and transaction markers. kafkajs skips those without calling the handler,
 * and commits nothing: the group would show a lag until the next event, which may come a day later.
 */
function commitFilteredBatches (consumer: Consumer, { connection: { logger } }: ConsumerOptions): void {
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset } }) => {
    if (batchSize > 0) return
    consumer.commitOffsets([{ topic, partition, offset: String(BigInt(lastOffset) + 1n) }]).catch((error: Error) => {
      logger.debug({ event: 'marker_not_committed', err: error, topic, partition }, 'a transaction marker was not committed; the next event commits it')
    })
  })
}
