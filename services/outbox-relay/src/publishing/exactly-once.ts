import { randomUUID } from 'node:crypto'
import { claim, type TakenOver } from '@orders/outbox'
import type { Delivery, ExactlyOnceOptions, PublishingTerm } from './delivery.ts'
import { fenceAndSettle } from './take-over.ts'

/**
 * Each batch is one Kafka transaction: its records, and its token (the position). Before Kafka commits the transaction, Postgres
 * knows which events the batch holds (the claim). So a takeover can tell of every event whether it is in the topic.
 *
 * The token is random. A number would be equal by chance: after a restore, and in another database that shares RELAY_NAME.
 */
export class ExactlyOnce implements Delivery {
  readonly #options: ExactlyOnceOptions

  constructor (options: ExactlyOnceOptions) {
    this.#options = options
  }

  async begin (taken: TakenOver): Promise<PublishingTerm> {
    const { db } = this.#options
    const { fence } = taken
    const { publisher, lastBatch, foundForeignPosition } = await fenceAndSettle(taken, this.#options)
    // With the fence held, every claim takes the next number.
    let number = lastBatch
    return {
      fence,
      foundForeignPosition,
      async publish (batch, before) {
        const name = { token: randomUUID(), batch: ++number }
        // The claim is written while Kafka takes the records. Kafka commits them only when the claim is durable: otherwise a
        // takeover could not know of this batch, and would publish it again.
        const claimed = claim(db, fence, name, batch, before)
        try {
          await publisher.publish(batch.records, name, claimed)
        } catch (error) {
          // The claim's own failure comes first: a rejection by Kafka only matters to the relay that still holds the shard.
          await claimed
          throw error
        }
      },
      close: () => publisher.close()
    }
  }
}
