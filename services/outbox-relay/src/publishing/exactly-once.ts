import { randomUUID } from 'node:crypto'
import { openTransactionalPublisher, type Position, type TransactionalPublisher } from '@orders/kafka'
import { assertHeld, claim, complete, dropClaim, type Fence, type TakenOver } from '@orders/outbox'
import type { Batch } from './batch.ts'
import type { Delivery, Term } from './delivery.ts'
import type { DeliveryOptions } from './delivery-options.ts'

export interface ExactlyOnceOptions extends DeliveryOptions {
  /** RELAY_NAME: the transactional ids and the position group are this name with `-<shard>` behind it. */
  name: string
  positionTopic: string
  transactionTimeoutMs: number
}

/** Where nothing was ever committed, or the group was deleted. */
const NO_POSITION: Position = { batch: 0n, token: '' }

/**
 * Every batch is one Kafka transaction: its records, and its name (the position). Postgres knows which events the batch holds
 * before it is sent (the claim). So a take-over can tell of every event whether it is in the topic.
 *
 * The name is random. A number would be equal by chance: after a restore, and in another database that shares RELAY_NAME.
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
      const foundForeignPosition = await this.#settle(taken, position)
      const { batch } = position ?? NO_POSITION
      return { ...this.#term(taken.fence, publisher, batch > taken.batch ? batch : taken.batch), foundForeignPosition }
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

  /**
   * Decides about the batch that was in flight. Afterwards Postgres has the name that Kafka has.
   *
   * @returns whether the position was foreign
   */
  async #settle (taken: TakenOver, position: Position | undefined): Promise<boolean> {
    const { db, logger, shard } = this.#options
    const { fence, batch, token, tokenBefore, outstanding } = taken
    const found = position ?? NO_POSITION
    const about = { shard, epoch: fence.epoch, batch, position: found.batch, events: outstanding?.ids.length ?? 0 }
    if (outstanding !== undefined && token !== '' && found.token === token) {
      logger.info({ event: 'claim_published', ...about }, 'the batch that was in flight is in Kafka')
      await complete(db, fence, outstanding)
      return false
    }
    // A dead letter clears the claim of a batch that was refused: then nothing is in flight, and Kafka has the name before.
    const expected = outstanding === undefined ? [token, tokenBefore] : [tokenBefore]
    // Without a position there is nothing that could be another database's: the group is new, expired or deleted.
    if (position === undefined || expected.includes(found.token)) {
      if (outstanding !== undefined) logger.info({ event: 'claim_dropped', ...about }, 'the batch that was in flight is not in Kafka')
      // Its name may be the same and its number higher: neither had a name yet, and Postgres was restored.
      if (outstanding !== undefined || found.token !== token || found.batch > batch) await dropClaim(db, fence, found)
      return false
    }
    this.#reportForeign(about)
    // Whether the claimed events are in Kafka, nobody knows: published again they are duplicates, deleted they could be lost.
    await dropClaim(db, fence, found)
    return true
  }

  #reportForeign (about: { shard: number, epoch: bigint, batch: bigint, position: bigint, events: number }): void {
    const { logger, name } = this.#options
    logger.error({ event: 'position_foreign', relayName: name, ...about },
      `the position in Kafka is not of this database: expected RELAY_NAME ${name} to be used by one database only, and that one not to be restored. ` +
      'Nothing is deleted because of it; what was in flight is published again. ' +
      'After a restore this is expected once for each shard. If it comes again, another database uses this RELAY_NAME on the same Kafka: give each its own')
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
    let number = lastBatch
    return {
      fence,
      async publish (batch: Batch, before) {
        const name = { token: randomUUID(), batch: ++number }
        const claimed = claim(db, fence, name, batch, before)
        try {
          await publisher.publish(batch.records, name, claimed)
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
