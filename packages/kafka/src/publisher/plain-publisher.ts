import type { Kafka } from 'kafkajs'
import { withDeadline } from '../deadline.ts'
import type { EventRecord } from '../event-record.ts'
import { toPublishError } from './publish-errors.ts'
import { abandon, connectProducer, disconnect, toSends, type Publisher, type PublisherOptions } from './publisher.ts'

export interface PlainPublisher extends Publisher {
  /**
   * Resolves when every in-sync replica has every record. One call at a time.
   *
   * @throws RecordRefusedError | PublishUncertainError and then some of the records may be in their topics
   */
  publish: (records: readonly EventRecord[]) => Promise<void>
}

/**
 * Publishes at least once.
 *
 * Not idempotent, on purpose: after a lost reply kafkajs sets its sequence numbers back, and the next send, of other
 * records, is taken by the broker for a retry of the lost one. It answers with success and writes nothing.
 *
 * @throws PublishUncertainError when the brokers cannot be reached in time
 */
export async function openPlainPublisher (
  { kafka }: { kafka: Kafka }, options: PublisherOptions
): Promise<PlainPublisher> {
  const { sendDeadlineMs } = options
  const producer = await connectProducer(kafka, sendDeadlineMs, { idempotent: false })
  let failed = false
  return {
    async publish (records) {
      const sendAll = async () => {
        for (const send of toSends(records, options)) {
          // After the deadline it would arrive behind what a successor has sent.
          if (failed) return
          await producer.sendBatch(send)
        }
      }
      try {
        await withDeadline('publishing', sendDeadlineMs, sendAll())
      } catch (error) {
        failed = true
        throw toPublishError(error)
      }
    },
    close: async () => { await (failed ? abandon(producer) : disconnect(producer)) }
  }
}
