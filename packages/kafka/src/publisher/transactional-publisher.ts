import { setTimeout as delay } from 'node:timers/promises'
import { withDeadline } from '../deadline.ts'
import type { EventRecord } from '../event-record.ts'
import { clientOf, type KafkaConnection } from '../kafkajs/client.ts'
import type { Kafka, Producer, TopicOffsets, Transaction } from '../kafkajs/index.ts'
import { acceptanceOf } from '../kafkajs/patches/offset-commit.ts'
import { KafkaTooOldError, readStableOffset } from '../kafkajs/stable-offset.ts'
import { toPublishError } from './publish-errors.ts'
import { abandon, connectProducer, disconnect, toSends, type Publisher, type PublisherOptions } from './publisher.ts'

/** Answers that end within milliseconds. A retry is safe as long as nothing was written. */
const NOT_YET = new Set([
  // The broker still writes the markers of the transaction before, under the same id.
  'CONCURRENT_TRANSACTIONS',
  // The coordinator is moving, or loading its state.
  'NOT_COORDINATOR_FOR_GROUP', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'GROUP_LOAD_IN_PROGRESS'
])
/** Answers of the coordinator that has accepted our commit, until it has applied how earlier transactions ended. */
const NOT_STABLE_YET = new Set(['UNSTABLE_OFFSET_COMMIT', 'GROUP_LOAD_IN_PROGRESS'])
const NOT_YET_PAUSE_MS = 2
/** Written before a read, in a transaction that is aborted. */
const ABORTED_POSITION: Position = { batch: 0n, token: '' }

export interface TransactionalPublisherOptions extends PublisherOptions {
  /**
   * Opening a publisher with this id fences every earlier publisher with it. {@link alternateTransactionalId} of it is used too:
   * both need the permissions Describe and Write.
   */
  transactionalId: string
  /** The consumer group in which the position is committed. No consumer ever joins it. */
  positionGroup: string
  /** A topic that exists; the position is kept for its partition 0. */
  positionTopic: string
  /** The broker aborts a transaction that is open for longer. Until then the transaction blocks read-committed readers. */
  transactionTimeoutMs: number
}

/** How Kafka records which batch was published last: a committed offset, with metadata. */
export interface Position {
  /** The offset: the batch's number. */
  batch: bigint
  /** The metadata: the batch's random name; '' when it was committed without one. */
  token: string
}

export interface TransactionalPublisher extends Publisher {
  /**
   * The committed position; undefined if there is none. The answer is final: the transactions of earlier publishers ended before
   * this one opened, and the answer contains their outcome. Not to be called while a publish is in flight.
   *
   * Before the read it writes an offset, in a transaction that it aborts. A group coordinator that was frozen while another broker
   * took its place answers reads from an old state for seconds, but it cannot complete a write.
   *
   * @throws KafkaTooOldError | PublishUncertainError
   */
  position: () => Promise<Position | undefined>
  /**
   * Publishes the records and the position in one transaction. One call at a time.
   *
   * @param mayCommit the transaction is committed after this has resolved. When it rejects, the transaction is aborted and its
   *   error is thrown unchanged
   * @throws RecordRefusedError nothing was committed
   * @throws PublisherFencedError nothing was committed
   * @throws TopicUnavailableError nothing was committed
   * @throws PublishUncertainError all or nothing was committed; only a new publisher can find out
   */
  publish: (records: readonly EventRecord[], position: Position, mayCommit?: Promise<unknown>) => Promise<void>
}

/** The second transactional id of a publisher. */
export function alternateTransactionalId (transactionalId: string): string {
  return `${transactionalId}-alternate`
}

/**
 * Fences every earlier publisher with the same transactional id, and waits until its open transactions have ended.
 *
 * Two transactional ids are used in turn. Kafka answers a commit before it has written the transaction's markers, and refuses the
 * next transaction of the same id until then: with one id, a transaction would spend half of its time waiting for the one before.
 * The records stay in order, because a transaction begins only after the one before was decided. The position cannot go back: of two
 * commits the group keeps the one written later, in whatever order the markers arrive (Kafka's OffsetMetadataManager compares their
 * record offsets).
 *
 * @throws PublishUncertainError when the brokers cannot be reached in time
 */
export async function openTransactionalPublisher (connection: KafkaConnection, options: TransactionalPublisherOptions): Promise<TransactionalPublisher> {
  const { sendDeadlineMs } = options
  const producers = await openProducers(clientOf(connection), options)
  let turn = 0
  let failed = false
  return {
    async position () {
      try {
        return await withDeadline('reading the position', sendDeadlineMs, readPosition(producers.at(-1) as Producer, options))
      } catch (error) {
        failed = true
        throw error instanceof KafkaTooOldError ? error : toPublishError(error)
      }
    },
    async publish (records, position, mayCommit = Promise.resolve()) {
      const producer = producers[turn++ % producers.length] as Producer
      // Awaited after the records are sent. Until then, an empty catch avoids an unhandled rejection.
      let refused: unknown
      const permission = mayCommit.catch((error: unknown) => { refused = error; throw error })
      permission.catch(() => {})
      try {
        await withDeadline('publishing', sendDeadlineMs, publishInTransaction(producer, records, position, permission, options))
      } catch (error) {
        failed = true
        if (error === refused) throw error
        throw toPublishError(error)
      }
    },
    async close () {
      if (failed) producers.forEach(abandon)
      else await Promise.all(producers.map(disconnect))
    }
  }
}

/** All or none. A publisher that fenced only one of the ids could not stop another one from publishing under the other id. */
async function openProducers (kafka: Kafka, options: TransactionalPublisherOptions): Promise<Producer[]> {
  const { transactionalId } = options
  const opened = await Promise.allSettled([transactionalId, alternateTransactionalId(transactionalId)].map((id) => openProducer(kafka, id, options)))
  const producers = opened.flatMap((result) => result.status === 'fulfilled' ? [result.value] : [])
  const failure = opened.find((result) => result.status === 'rejected')
  if (failure === undefined) return producers
  producers.forEach(abandon)
  throw failure.reason
}

async function openProducer (kafka: Kafka, transactionalId: string, options: TransactionalPublisherOptions): Promise<Producer> {
  const { sendDeadlineMs, transactionTimeoutMs } = options
  // `idempotent` concerns plain sends, which this producer never makes. With true it would need one more producer id, and the
  // cluster-wide permission for it.
  const producer = await connectProducer(kafka, sendDeadlineMs, {
    idempotent: false, transactionalId, transactionTimeout: transactionTimeoutMs
  })
  try {
    await withDeadline('fencing the earlier producer', sendDeadlineMs, fence(producer))
    return producer
  } catch (error) {
    abandon(producer)
    throw toPublishError(error)
  }
}

/** Begins a transaction: kafkajs sends InitProducerId with the first one, so a producer that is only connected fences nothing. */
async function fence (producer: Producer): Promise<void> {
  const empty = await producer.transaction()
  await empty.abort()
}

async function publishInTransaction (
  producer: Producer, records: readonly EventRecord[], position: Position, permission: Promise<unknown>, options: TransactionalPublisherOptions
): Promise<void> {
  const transaction = await producer.transaction()
  // The position first. It may have to wait for the transaction before, under the same id, and a retry is safe only as long as no
  // record has been sent.
  await commitPosition(transaction, position, options)
  for (const send of toSends(records, options)) await transaction.sendBatch(send)
  try {
    await permission
  } catch (error) {
    // Left open, it would block read-committed readers until its timeout.
    await transaction.abort().catch(() => {})
    throw error
  }
  await transaction.commit()
}

async function commitPosition (transaction: Transaction, position: Position, options: TransactionalPublisherOptions): Promise<TopicOffsets[]> {
  const { positionGroup, positionTopic, sendDeadlineMs } = options
  const topics = [{ topic: positionTopic, partitions: [{ partition: 0, offset: String(position.batch), metadata: position.token }] }]
  await whileNotYet(NOT_YET, sendDeadlineMs, () => transaction.sendOffsets({ consumerGroupId: positionGroup, topics }))
  return topics
}

async function readPosition (producer: Producer, options: TransactionalPublisherOptions): Promise<Position | undefined> {
  const { positionGroup, positionTopic, sendDeadlineMs } = options
  const transaction = await producer.transaction()
  // To the same partition, because the topic may have no other. The abort keeps the offset that was committed before.
  const written = await commitPosition(transaction, ABORTED_POSITION, options)
  const accepted = acceptanceOf(written)
  if (accepted === undefined) throw new Error('expected a broker that accepted the commit, found none: check whether packages/kafka/src/kafkajs/patches/offset-commit.ts still fits')
  await transaction.abort()
  const committed = await whileNotYet(NOT_STABLE_YET, sendDeadlineMs, () => readStableOffset(accepted, positionGroup, positionTopic))
  return committed && { batch: committed.offset, token: committed.metadata }
}

async function whileNotYet<T> (notYet: ReadonlySet<string>, deadlineMs: number, ask: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + deadlineMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!notYet.has((error as { type?: string }).type ?? '') || performance.now() > giveUpAt) throw error
      await delay(NOT_YET_PAUSE_MS)
    }
  }
}
