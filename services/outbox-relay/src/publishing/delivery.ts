import type { KafkaConnection } from '@orders/kafka'
import type { EventNames, Fence, SqlClient, TakenOver } from '@orders/outbox'
import type { Logger } from 'pino'
import type { Batch } from './batch.ts'

/** How batches get into Kafka: {@link ExactlyOnce} or {@link AtLeastOnce}. */
export interface Delivery {
  /**
   * Steps 2 to 4 of a takeover, after the epoch was raised: see {@link takeOver}.
   *
   * @throws FencedError when another relay has taken the shard over meanwhile
   */
  begin: (taken: TakenOver) => Promise<PublishingTerm>
}

/** The right to publish that one takeover gives. It ends with its first error, and nothing of it is used again. */
export interface PublishingTerm {
  readonly fence: Fence
  /** The position in Kafka belongs to another database, or to another time of this one. */
  readonly foundForeignPosition?: boolean
  /**
   * Resolves when the batch is in Kafka.
   *
   * @param before the events of the batch before, which is in Kafka and not completed yet; completed when this resolves
   * @throws RecordRefusedError only when `before` is completed
   */
  publish: (batch: Batch, before: EventNames) => Promise<void>
  close: () => Promise<void>
}

export interface DeliveryOptions {
  db: SqlClient
  kafka: KafkaConnection
  shard: number
  sendDeadlineMs: number
  maxSendBytes: number
  logger: Logger
}

export interface ExactlyOnceOptions extends DeliveryOptions {
  /** RELAY_NAME: the transactional ids and the position group are this name and `-<shard>`. */
  name: string
  positionTopic: string
  transactionTimeoutMs: number
}
