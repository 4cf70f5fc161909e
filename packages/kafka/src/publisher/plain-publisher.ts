import { withDeadline } from '../deadline.ts'
import type { EventRecord } from '../event-record.ts'
import { clientOf, type KafkaConnection } from '../kafkajs/client.ts'
import { toPublishError } from './publish-errors.ts'
import { abandon, connectProducer, disconnect, toSends, type Publisher, type PublisherOptions } from './publisher.ts'

export interface PlainPublisher extends Publisher {
  /**
   * Resolves when every in-sync replica has every record. One call at a time.
   *
   * @throws RecordRefusedError | TopicUnavailableError | PublishUncertainError; some of the records may then be in their topics
   */
  publish: (records: readonly EventRecord[]) => Promise<void>
}

/**
 * Publishes at least once.
 *
 * Not idempotent, on purpose. After a lost reply kafkajs resets its sequence numbers. The broker then takes the next send, of other
 * records, as a retry of the lost one: it answers with success and writes nothing.
 *
 * @throws PublishUncertainError when the brokers cannot be reached in time
 */
export async function openPlainPublisher (connection: KafkaConnection, options: PublisherOptions): Promise<PlainPublisher> {
  const { sendDeadlineMs } = options
  const producer = await connectProducer(clientOf(connection), sendDeadlineMs, { idempotent: false })
  let failed = false
  return {
    async publish (records) {
      const sendAll = async () => {
        for (const send of toSends(records, options)) {
          // After the deadline it would arrive behind the records of the next publisher.
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
