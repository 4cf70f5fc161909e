import { openPlainPublisher } from '@orders/kafka'
import type { TakenOver } from '@orders/outbox'
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

  async begin ({ fence }: TakenOver): Promise<Term> {
    const { kafka, sendDeadlineMs } = this.#options
    const publisher = await openPlainPublisher(kafka, { sendDeadlineMs })
    return {
      fence,
      publish: ({ records }) => publisher.publish(records),
      close: () => publisher.close()
    }
  }
}
