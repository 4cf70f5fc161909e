import { openPlainPublisher } from '@orders/kafka'
import { takeOverShard } from '@orders/outbox'
import type { Delivery, Term } from './delivery.ts'
import type { DeliveryOptions } from './delivery-options.ts'

/**
 * Lower latency, no claim and no transaction: a batch whose acknowledgement was lost is sent again.
 * One send in flight and a fenced complete keep the first copies of an aggregate's events in order.
 */
export class AtLeastOnce implements Delivery {
  readonly #options: DeliveryOptions

  constructor (options: DeliveryOptions) {
    this.#options = options
  }

  async takeOver (): Promise<Term> {
    const { db, kafka, shard, holder, sendDeadlineMs } = this.#options
    const { fence } = await takeOverShard(db, shard, holder)
    const publisher = await openPlainPublisher(kafka, { sendDeadlineMs })
    return {
      fence,
      publish: ({ records }) => publisher.publish(records),
      close: () => publisher.close()
    }
  }
}
