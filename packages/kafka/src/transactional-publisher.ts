import { setTimeout as delay } from 'node:timers/promises'
import type { Kafka, Producer, Transaction } from 'kafkajs'
import { withDeadline } from './deadline.ts'
import type { EventRecord } from './event-record.ts'
import { toPublishError } from './publish-errors.ts'
import { abandon, connectProducer, disconnect, toSends, type Publisher, type PublisherOptions } from './publisher.ts'

/** What Kafka answers for some milliseconds and then no more; asking again is safe where nothing was written. */
const NOT_YET = new Set([
  // It still writes the markers of the transaction before under this id.
  'CONCURRENT_TRANSACTIONS',
  // The coordinator is moving, or loads what it knows.
  'NOT_COORDINATOR_FOR_GROUP', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'GROUP_LOAD_IN_PROGRESS'
])
const NOT_YET_PAUSE_MS = 2

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

export interface TransactionalPublisher extends Publisher {
  /**
   * The position that Kafka has committed; 0 if none. Final: the transaction of whoever was fenced has been committed
   * or aborted before this publisher opened.
   */
  position: () => Promise<bigint>
  /**
   * Publishes the records and the position in one transaction. One call at a time.
   *
   * @param mayCommit committed is only when this has resolved; when it rejects, the transaction is aborted and its error
   *   thrown as it is
   * @throws RecordRefusedError nothing was committed
   * @throws PublisherFencedError nothing was committed
   * @throws PublishUncertainError all or nothing was committed; only a new publisher can tell
   */
  publish: (records: readonly EventRecord[], position: bigint, mayCommit?: Promise<unknown>) => Promise<void>
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
    position: () => readPosition(kafka, options),
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
  producer: Producer, records: readonly EventRecord[], position: bigint, permission: Promise<unknown>, options: TransactionalPublisherOptions
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

async function commitPosition (
  transaction: Transaction, position: bigint, { positionGroup, positionTopic, sendDeadlineMs }: TransactionalPublisherOptions
): Promise<void> {
  const offsets = {
    consumerGroupId: positionGroup,
    topics: [{ topic: positionTopic, partitions: [{ partition: 0, offset: String(position) }] }]
  }
  await whileNotYet(sendDeadlineMs, () => transaction.sendOffsets(offsets))
}

async function readPosition (
  kafka: Kafka, { positionGroup, positionTopic, sendDeadlineMs }: TransactionalPublisherOptions
): Promise<bigint> {
  const admin = kafka.admin()
  try {
    await withDeadline('connecting the admin client', sendDeadlineMs, admin.connect())
    const fetched = whileNotYet(sendDeadlineMs, () => admin.fetchOffsets({ groupId: positionGroup, topics: [positionTopic] }))
    const offsets = await withDeadline('reading the position', sendDeadlineMs, fetched)
    const committed = offsets[0]?.partitions.find(({ partition }) => partition === 0)?.offset ?? '-1'
    return BigInt(committed) < 0n ? 0n : BigInt(committed)
  } catch (error) {
    throw toPublishError(error)
  } finally {
    // Nobody waits for it: after a lost answer that would be a part of every take-over.
    void withDeadline('disconnecting the admin client', sendDeadlineMs, admin.disconnect()).catch(() => {})
  }
}

async function whileNotYet<T> (deadlineMs: number, ask: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + deadlineMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!NOT_YET.has((error as { type?: string }).type ?? '') || performance.now() > giveUpAt) throw error
      await delay(NOT_YET_PAUSE_MS)
    }
  }
}
