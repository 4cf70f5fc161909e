import { setTimeout as delay } from 'node:timers/promises'
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs'
import type { KafkaConnection } from './connection.ts'
import { ConsumerHealth } from './consumer-health.ts'
import { withDeadline } from './deadline.ts'
import kafkajs from './kafkajs.ts'

const DISCONNECT_DEADLINE_MS = 5_000

/** A record as it was read, with `offset`, `key`, `value` and `headers`. */
export type ConsumedRecord = KafkaMessage

export interface ConsumedBatch {
  topic: string
  partition: number
  records: readonly ConsumedRecord[]
}

export interface ConsumerOptions {
  connection: KafkaConnection
  groupId: string
  topics: string[]
  /**
   * Applies a batch. Its offsets are committed only after it resolved; when it rejects it is called again with the same
   * batch, after a pause, for as long as it takes. What can never succeed it has to put aside itself.
   *
   * It should end well within the session time-out: kafkajs sends no heartbeat meanwhile.
   */
  handleBatch: (batch: ConsumedBatch) => Promise<void>
  /** kafkajs has given up and does not come back by itself. */
  onFatal: (error: Error) => void
  sessionTimeoutMs?: number
  minRetryDelayMs?: number
  maxRetryDelayMs?: number
}

export interface RunningConsumer {
  health: ConsumerHealth
  /** Finishes the batch in hand and leaves the group, so that its partitions go to others at once. */
  stop: () => Promise<void>
}

/** Consumes committed records from the beginning, each partition in order, offsets after the effect. */
export async function runConsumer (options: ConsumerOptions): Promise<RunningConsumer> {
  const { connection, groupId, topics, sessionTimeoutMs = 10_000, onFatal } = options
  const consumer = connection.kafka.consumer({
    groupId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: sessionTimeoutMs * 2,
    heartbeatInterval: Math.floor(sessionTimeoutMs / 5),
    // A stop waits for the fetch under way, and an idle one lasts this long; 5 s, the default, is most of a drain.
    maxWaitTimeInMs: 500,
    allowAutoTopicCreation: false,
    readUncommitted: false,
    partitionAssigners: [kafkajs.PartitionAssigners.roundRobin],
    // A crash restarts the consumer, which re-joins its group: worth some patience first, and never to be the end.
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8, restartOnFailure: async () => true }
  })
  const health = new ConsumerHealth(consumer)
  const stopping = new AbortController()
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    connection.logger.warn({ err: error, restart, groupId }, 'the consumer crashed')
    if (!restart && !stopping.signal.aborted) onFatal(error)
  })
  await connectPatiently(consumer, options, stopping.signal)
  await consumer.subscribe({ topics, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: (payload) => handle(consumer, payload, options, stopping.signal)
  })
  return {
    health,
    async stop () {
      stopping.abort()
      await withDeadline('leaving the group', DISCONNECT_DEADLINE_MS, consumer.disconnect()).catch((error: Error) => {
        connection.logger.warn({ err: error, groupId }, 'the group was not left in time')
      })
    }
  }
}

/** Kafka may come up after us. */
async function connectPatiently (consumer: Consumer, { connection, ...options }: ConsumerOptions, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await consumer.connect()
      return
    } catch (error) {
      const delayMs = retryDelayMs(attempt, options)
      connection.logger.warn({ err: error, delayMs }, 'Kafka cannot be reached, trying again')
      await delay(delayMs, undefined, { signal })
    }
  }
}

async function handle (
  consumer: Consumer, { batch, heartbeat, isRunning, isStale, resolveOffset }: EachBatchPayload,
  options: ConsumerOptions, stopping: AbortSignal
): Promise<void> {
  const { connection, handleBatch } = options
  const given = { topic: batch.topic, partition: batch.partition, records: batch.messages }
  for (let attempt = 0; ; attempt++) {
    // Another member may own the partition by now; what it reads again, its inbox knows.
    if (!isRunning() || isStale() || stopping.aborted) return
    try {
      await handleBatch(given)
      break
    } catch (error) {
      const delayMs = retryDelayMs(attempt, options)
      connection.logger.warn({ err: error, topic: batch.topic, partition: batch.partition, records: batch.messages.length, delayMs },
        'a batch could not be applied, trying again')
      // Retried here, not by a throw: that would end with a restart of the consumer, for itself and for its group.
      await waitWithHeartbeats(delayMs, heartbeat, stopping)
    }
  }
  // lastOffset, not that of the last record: behind it may be a transaction's marker, and a group that never commits past
  // it looks for ever as if it lagged by one.
  resolveOffset(batch.lastOffset())
  await consumer.commitOffsets([{
    topic: batch.topic, partition: batch.partition, offset: String(BigInt(batch.lastOffset()) + 1n)
  }])
  await heartbeat()
}

/** @throws when the group is rebalancing: kafkajs joins it again then */
async function waitWithHeartbeats (ms: number, heartbeat: () => Promise<void>, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
  if (!signal.aborted) await heartbeat()
}

function retryDelayMs (attempt: number, { minRetryDelayMs = 100, maxRetryDelayMs = 2_000 }: Partial<ConsumerOptions>): number {
  const ceiling = Math.min(maxRetryDelayMs, minRetryDelayMs * 2 ** Math.min(attempt, 20))
  return Math.round(ceiling * (0.5 + Math.random() / 2))
}
