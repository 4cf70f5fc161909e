import { withDeadline } from '../deadline.ts'
import type { EventRecord } from '../event-record.ts'
import type { Kafka, Message, Producer, ProducerBatch, ProducerConfig, TopicMessages } from '../kafkajs/index.ts'
import { createKeyPartitioner } from '../kafkajs/partitioner.ts'
import { toPublishError } from './publish-errors.ts'
import { DEFAULT_MAX_SEND_BYTES, splitIntoSends } from './sends.ts'

const DISCONNECT_DEADLINE_MS = 1_000

/** What both publishers have in common. Neither may be used again after a call that failed. */
export interface Publisher {
  close: () => Promise<void>
}

export interface PublisherOptions {
  /** Every request of one publish has to end within this time. */
  sendDeadlineMs: number
  /** The smallest `max.message.bytes` of the topics: see {@link splitIntoSends}. Kafka's default of 1 MiB if not given. */
  maxSendBytes?: number | undefined
}

/** @throws PublishUncertainError when the brokers cannot be reached in time */
export async function connectProducer (kafka: Kafka, deadlineMs: number, config: ProducerConfig): Promise<Producer> {
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner: createKeyPartitioner,
    maxInFlightRequests: 1,
    // After a partial failure, a retry inside kafkajs sends records that one of the brokers already has, under new sequence numbers.
    // The relay retries, with a new producer.
    retry: { retries: 0 },
    ...config
  })
  try {
    await withDeadline('connecting the producer', deadlineMs, producer.connect())
    return producer
  } catch (error) {
    abandon(producer)
    throw toPublishError(error)
  }
}

/**
 * Disconnects in the background. For a producer after a failed call: kafkajs waits for outstanding answers before it disconnects,
 * and after a lost answer that wait would delay a takeover.
 */
export function abandon (producer: Producer): void {
  void disconnect(producer)
}

/** Never throws and never hangs: kafkajs waits here for requests that may never be answered. */
export async function disconnect (producer: Producer): Promise<void> {
  await withDeadline('disconnecting the producer', DISCONNECT_DEADLINE_MS, producer.disconnect()).catch(() => {})
}

/** The records in their order, as kafkajs takes them, to be sent one after the other. */
export function toSends (records: readonly EventRecord[], { sendDeadlineMs, maxSendBytes = DEFAULT_MAX_SEND_BYTES }: PublisherOptions): ProducerBatch[] {
  return splitIntoSends(records, maxSendBytes).map((send) => ({ acks: -1, timeout: sendDeadlineMs, topicMessages: toTopicMessages(send) }))
}

/** Groups by topic, in order within each. Passes the records themselves, not copies: kafkajs ignores their topic field. */
function toTopicMessages (records: readonly EventRecord[]): TopicMessages[] {
  const topics = new Map<string, EventRecord[]>()
  for (const record of records) {
    const messages = topics.get(record.topic)
    if (messages === undefined) topics.set(record.topic, [record])
    else messages.push(record)
  }
  // kafkajs's types allow no header without a value; our encoder does.
  return [...topics].map(([topic, messages]) => ({ topic, messages: messages as Message[] }))
}
