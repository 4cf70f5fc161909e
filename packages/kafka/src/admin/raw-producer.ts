import type { EventRecord } from '../event-record.ts'
import kafkajs, { type Kafka, type Message } from '../kafkajs/index.ts'

/**
 * A producer of kafkajs without the rules of this package's publishers: it retries, and may be used again after a failure. For
 * tests that write unusual records, or show which failure those rules prevent.
 */
export interface RawProducer {
  /** One produce request for each call, acknowledged by every in-sync replica. All records go to one topic. */
  send: (topic: string, records: ReadonlyArray<Omit<EventRecord, 'topic'>>) => Promise<void>
  close: () => Promise<void>
}

export interface RawProducerOptions {
  /** One request is in flight at a time, as Kafka's order of sequence numbers needs it. */
  idempotent?: boolean
  /** The client's setting if not given. */
  retries?: number
  gzip?: boolean
}

export async function openRawProducer (kafka: Kafka, { idempotent = false, retries, gzip = false }: RawProducerOptions = {}): Promise<RawProducer> {
  const producer = kafka.producer({
    ...(idempotent ? { idempotent, maxInFlightRequests: 1 } : {}),
    ...(retries === undefined ? {} : { retry: { retries } })
  })
  await producer.connect()
  return {
    async send (topic, records) {
      const compression = gzip ? kafkajs.CompressionTypes.GZIP : kafkajs.CompressionTypes.None
      await producer.send({ topic, acks: -1, compression, messages: records as Message[] })
    },
    close: () => producer.disconnect()
  }
}
