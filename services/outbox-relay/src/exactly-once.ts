import { openTransactionalPublisher, type TransactionalPublisher } from '@orders/kafka'
import { assertHeld, claim, complete, dropClaim, type Fence, type TakenOver } from '@orders/outbox'
import type { Batch } from './batch.ts'
import type { Delivery, Term } from './delivery.ts'
import type { DeliveryOptions } from './delivery-options.ts'

export interface ExactlyOnceOptions extends DeliveryOptions {
  /** The transactional id and the position group are this name with `-<shard>` behind it. */
  name: string
  positionTopic: string
  transactionTimeoutMs: number
}

/**
 * Every batch is one Kafka transaction: its records, and its number (the position). Postgres knows which events the
 * batch holds before it is sent (the claim). So whoever takes over can tell of every event whether it is in the topic.
 */
export class ExactlyOnce implements Delivery {
  readonly #options: ExactlyOnceOptions

  constructor (options: ExactlyOnceOptions) {
    this.#options = options
  }

  async begin (taken: TakenOver): Promise<Term> {
    // 1. Postgres, done before: nobody with an older epoch completes or claims anything any more.
    // 2. Kafka: from here on no older producer commits anything, and what one left open is committed or aborted.
    const publisher = await this.#openPublisher()
    try {
      // 3. Still mine? Kafka hands its epoch to whoever comes last: a former leader that wakes up late takes it from its
      //    successor in step 2, and has to notice here.
      await assertHeld(this.#options.db, taken.fence)
      // 4. The batch that was in flight is in Kafka, whole, or not at all. The position says which.
      const position = await publisher.position()
      await this.#settle(taken, position)
      return this.#term(taken.fence, publisher, position > taken.batch ? position : taken.batch)
    } catch (error) {
      await publisher.close()
      throw error
    }
  }

  #openPublisher (): Promise<TransactionalPublisher> {
    const { kafka, name, shard, positionTopic, sendDeadlineMs, maxSendBytes, transactionTimeoutMs } = this.#options
    return openTransactionalPublisher(kafka, {
      transactionalId: `${name}-${shard}`,
      positionGroup: `${name}-${shard}`,
      positionTopic,
      sendDeadlineMs,
      maxSendBytes,
      transactionTimeoutMs
    })
  }

  async #settle ({ fence, batch, outstanding }: TakenOver, position: bigint): Promise<void> {
    const { db, logger, shard } = this.#options
    const events = outstanding?.ids.length ?? 0
    if (position > batch) {
      // What the restored claim holds may or may not be in Kafka: published again it is a duplicate, deleted it could be
      // a loss. Going on from Kafka's number matters without a claim too: a number seen before would pass for published.
      logger.warn({ shard, batch, position, events }, 'Kafka is ahead of Postgres (a restored backup?)')
      await dropClaim(db, fence, position)
    } else if (outstanding !== undefined && position === batch) {
      logger.info({ shard, batch, events }, 'the batch that was in flight is in Kafka')
      await complete(db, fence, outstanding.ids)
    } else if (outstanding !== undefined) {
      logger.info({ shard, batch, position, events }, 'the batch that was in flight is not in Kafka')
      await dropClaim(db, fence, position)
    }
  }

  /**
   * The claim is made while Kafka takes the records, and the transaction is committed when both are done: until then the
   * records are nothing that a read-committed reader sees, and a claim that was fenced or lost aborts them. What counts is
   * that no batch can be committed whose claim is not durable.
   *
   * @param lastBatch the newest number used; with the fence held, every claim takes the next one
   */
  #term (fence: Fence, publisher: TransactionalPublisher, lastBatch: bigint): Term {
    const { db } = this.#options
    let position = lastBatch
    return {
      fence,
      async publish ({ ids, records }: Batch, before) {
        position += 1n
        const claimed = claimAs(position, db, fence, ids, before)
        try {
          await publisher.publish(records, position, claimed)
        } catch (error) {
          // The claim's own failure first: what Kafka refuses matters only to who still holds the shard.
          await claimed
          throw error
        }
      },
      close: () => publisher.close()
    }
  }
}

async function claimAs (expected: bigint, ...args: Parameters<typeof claim>): Promise<void> {
  const batch = await claim(...args)
  // Committed under another number, a batch would pass for published when it is not, or the other way round.
  if (batch !== expected) throw new Error(`expected batch ${expected} to be claimed, found ${batch}`)
}
