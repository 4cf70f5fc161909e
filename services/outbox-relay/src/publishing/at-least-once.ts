import { openPlainPublisher } from '@orders/kafka'
import { complete, type TakenOver } from '@orders/outbox'
import type { Delivery, Term } from './delivery.ts'
import type { DeliveryOptions } from './delivery-options.ts'

/**
 * Lower latency, no claim and no transaction: a batch whose acknowledgement was lost is sent again.
 *
 * A batch is completed while the next one is sent. One send in flight and a fenced complete keep the first copies of an
 * aggregate's events in order: a former leader that does not know it yet sends one batch more at most, which its successor,
 * having found its predecessor not completed, sends after that one.
 */
export class AtLeastOnce implements Delivery {
  readonly #options: DeliveryOptions

  constructor (options: DeliveryOptions) {
    this.#options = options
  }

  async begin ({ fence }: TakenOver): Promise<Term> {
    const { db, kafka } = this.#options
    const publisher = await openPlainPublisher(kafka, this.#options)
    return {
      fence,
      async publish ({ records }, before) {
        const completed = before.ids.length === 0 ? undefined : complete(db, fence, before)
        // It is awaited below, whatever becomes of the send; until then its failure must not pass for one that nobody handles.
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
