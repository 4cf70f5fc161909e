import { setTimeout as delay } from 'node:timers/promises'
import type { Kafka, Producer, TopicOffsets, Transaction } from 'kafkajs'
import { withDeadline } from '../deadline.ts'
import type { EventRecord } from '../event-record.ts'
import { acceptanceOf } from '../kafkajs/patches/offset-commit.ts'
import { toPublishError } from './publish-errors.ts'
import { abandon, connectProducer, disconnect, toSends, type Publisher, type PublisherOptions } from './publisher.ts'
import { KafkaTooOldError, readStableOffset } from '../kafkajs/stable-offset.ts'

/** What Kafka answers for some milliseconds and then no more; asking again is safe where nothing was written. */
const NOT_YET = new Set([
  // It still writes the markers of the transaction before under this id.
  'CONCURRENT_TRANSACTIONS',
  // The coordinator is moving, or loads what it knows.
  'NOT_COORDINATOR_FOR_GROUP', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'GROUP_LOAD_IN_PROGRESS'
])
/** What the coordinator that has accepted our commit answers until it has applied what was settled. */
const NOT_STABLE_YET = new Set(['UNSTABLE_OFFSET_COMMIT', 'GROUP_LOAD_IN_PROGRESS'])
const NOT_YET_PAUSE_MS = 2
/** What is written before a read, and never committed. */
const NOWHERE: Position = { batch: 0n, token: '' }

export interface TransactionalPublisherOptions extends PublisherOptions {
  /**
   * Whoever opens a publisher with this id fences all that opened one before. {@link alternateOf} of it is used too: both
   * need the permissions Describe and Write.
   */
  transactionalId: string
  /** The consumer group in which the position is committed. No consumer ever joins it. */
  positionGroup: string
  /** A topic that exists; the position is kept for its partition 0. */
  positionTopic: string
  /** The broker aborts a transaction that is open for longer; until then it holds read-committed readers back. */
  transactionTimeoutMs: number
}

/** What a batch is called in Kafka: an offset, which is its number, with its name beside it. */
export interface Position {
  batch: bigint
  /** '' where it was committed without a name. */
  token: string
}

export interface TransactionalPublisher extends Publisher {
  /**
   * The position that Kafka has committed; undefined if none. Final: the transactions of former publishers were committed or
   * aborted before this one opened, and the answer contains what became of them. Not while a publish is under way.
   *
   * A write goes before the read, an offset in a transaction that is aborted: a group coordinator that was frozen while another
   * broker took its place answers reads from what it knew, for seconds, but can write nothing.
   *
   * @throws KafkaTooOldError | PublishUncertainError
   */
  position: () => Promise<Position | undefined>
  /**
   * Publishes the records and the position in one transaction. One call at a time.
   *
   * @param mayCommit committed is only when this has resolved; when it rejects, the transaction is aborted and its error
   *   thrown as it is
   * @throws RecordRefusedError nothing was committed
   * @throws PublisherFencedError nothing was committed
   * @throws PublishUncertainError all or nothing was committed; only a new publisher can tell
   */
  publish: (records: readonly EventRecord[], position: Position, mayCommit?: Promise<unknown>) => Promise<void>
}

/** The second transactional id of a publisher. */
export function alternateOf (transactionalId: string): string {
  return `${transactionalId}-alternate`
}

/**
 * Fences every earlier publisher with the same transactional id, and waits until what it left open is settled.
 *
 * There are two transactional ids, used in turn. Kafka answers a commit before it has written the transaction's markers, and
 * takes nothing more under that id until it has: with one id, a transaction spends half of its time waiting for the one before.
 * The order of the records holds, for a transaction begins only when the one before is decided. So does the position: of two
 * commits the group keeps the one that was written later, whichever's marker comes first (Kafka's OffsetMetadataManager
 * compares their record offsets).
 *
 * @throws PublishUncertainError when the brokers cannot be reached in time
 */
export async function openTransactionalPublisher (
  { kafka }: { kafka: Kafka }, options: TransactionalPublisherOptions
): Promise<TransactionalPublisher> {
  const { sendDeadlineMs } = options
  const producers = await openProducers(kafka, options)
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
      // It is awaited below, when the records are sent; until then its failure must not pass for one that nobody handles.
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

/** All of them or none: whoever has fenced one id alone holds nothing, and could keep nobody from publishing under the other. */
async function openProducers (kafka: Kafka, options: TransactionalPublisherOptions): Promise<Producer[]> {
  const { transactionalId } = options
  const opened = await Promise.allSettled([transactionalId, alternateOf(transactionalId)].map((id) => openProducer(kafka, id, options)))
  const producers = opened.flatMap((result) => result.status === 'fulfilled' ? [result.value] : [])
  const failure = opened.find((result) => result.status === 'rejected')
  if (failure === undefined) return producers
  producers.forEach(abandon)
  throw failure.reason
}

async function openProducer (kafka: Kafka, transactionalId: string, options: TransactionalPublisherOptions): Promise<Producer> {
  const { sendDeadlineMs, transactionTimeoutMs } = options
  // `idempotent` is about plain sends, which are never made here; true would ask for one more producer id, and for the
  // cluster-wide permission that goes with it.
  const producer = await connectProducer(kafka, sendDeadlineMs, {
    idempotent: false, transactionalId, transactionTimeout: transactionTimeoutMs
  })
  try {
    await withDeadline('fencing the former producer', sendDeadlineMs, fence(producer))
    return producer
  } catch (error) {
    abandon(producer)
    throw toPublishError(error)
  }
}

/** kafkajs sends InitProducerId with the first transaction, not on connect: a producer only connected fences nobody. */
async function fence (producer: Producer): Promise<void> {
  const empty = await producer.transaction()
  await empty.abort()
}

async function publishInTransaction (
  producer: Producer, records: readonly EventRecord[], position: Position, permission: Promise<unknown>, options: TransactionalPublisherOptions
): Promise<void> {
  const transaction = await producer.transaction()
  // The position first: it may have to wait for the transaction before under this id, and asking again is safe only as long
  // as no record has been sent.
  await commitPosition(transaction, position, options)
  for (const send of toSends(records, options)) await transaction.sendBatch(send)
  try {
    await permission
  } catch (error) {
    // Open until its time-out it would hold read-committed readers back.
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
  // The same partition: the topic may have no other. Aborted, it leaves what was committed before.
  const written = await commitPosition(transaction, NOWHERE, options)
  const accepted = acceptanceOf(written)
  if (accepted === undefined) throw new Error('expected a broker that accepted the commit, found none: does packages/kafka/src/kafkajs/patches/offset-commit.ts still fit?')
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
