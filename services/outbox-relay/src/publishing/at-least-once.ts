import { openPlainPublisher } from '@orders/kafka'
import { complete, type TakenOver } from '@orders/outbox'
import type { Delivery, DeliveryOptions, PublishingTerm } from './delivery.ts'

/**
 * Lower latency, without claims and transactions: a batch whose acknowledgement was lost is sent again.
 *
 * One send in flight and a fenced complete keep the first copies of an aggregate's events in order. A former leader that does not
 * know of its successor sends at most one batch more. The successor finds the events of that batch in the outbox, and sends
 * them too.
 */
export class AtLeastOnce implements Delivery {
  readonly #options: DeliveryOptions

  constructor (options: DeliveryOptions) {
    this.#options = options
  }

  async begin ({ fence }: TakenOver): Promise<PublishingTerm> {
    const { db, kafka } = this.#options
    const publisher = await openPlainPublisher(kafka, this.#options)
    return {
      fence,
      async publish ({ records }, before) {
        const completed = before.ids.length === 0 ? undefined : complete(db, fence, before)
        // Avoids an unhandled rejection while the send is in flight; awaited below.
        completed?.catch(() => {})
        try {
          await publisher.publish(records)
        } finally {
          await completed
        }
      },
      close: () => publisher.close()
    }
  }
}
