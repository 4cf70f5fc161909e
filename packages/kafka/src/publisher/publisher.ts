import type { Kafka, Message, Producer, ProducerBatch, ProducerConfig, TopicMessages } from 'kafkajs'
import { withDeadline } from '../deadline.ts'
import type { EventRecord } from '../event-record.ts'
import { createKeyPartitioner } from '../kafkajs/partitioner.ts'
import { toPublishError } from './publish-errors.ts'
import { DEFAULT_MAX_SEND_BYTES, splitIntoSends } from './sends.ts'

const DISCONNECT_DEADLINE_MS = 1_000

/** What both publishers have in common; neither may be used again after a call that failed. */
export interface Publisher {
  close: () => Promise<void>
}

export interface PublisherOptions {
  /** Everything that one publish does has to end in this time. */
  sendDeadlineMs: number
  /** See {@link splitIntoSends}: the smallest `max.message.bytes` of the topics; Kafka's default of 1 MiB if not given. */
  maxSendBytes?: number | undefined
}

/** @throws PublishUncertainError when the brokers cannot be reached in time */
export async function connectProducer (kafka: Kafka, deadlineMs: number, config: ProducerConfig): Promise<Producer> {
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner: createKeyPartitioner,
    maxInFlightRequests: 1,
    // A retry inside kafkajs sends, after a partial failure, what one of the brokers already has under new sequence
    // numbers. Retrying is the relay's work, and begins with a new producer.
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
 * For a producer whose call has failed, and those that go with it: kafkajs ends it when the answers are there for which it still
 * waits, and after a lost one that would keep a take-over waiting.
 */
export function abandon (producer: Producer): void {
  void disconnect(producer)
}

/** Never throws and never hangs: kafkajs waits here for requests that may not be answered any more. */
export async function disconnect (producer: Producer): Promise<void> {
  await withDeadline('disconnecting the producer', DISCONNECT_DEADLINE_MS, producer.disconnect()).catch(() => {})
}

/** The records in their order, as kafkajs takes them: one of these after the other. */
export function toSends (records: readonly EventRecord[], { sendDeadlineMs, maxSendBytes = DEFAULT_MAX_SEND_BYTES }: PublisherOptions): ProducerBatch[] {
  return splitIntoSends(records, maxSendBytes).map((send) => ({ acks: -1, timeout: sendDeadlineMs, topicMessages: toTopicMessages(send) }))
}

/** Groups by topic, and keeps the order within each. The records themselves, no copies: kafkajs has no use for their topic. */
function toTopicMessages (records: readonly EventRecord[]): TopicMessages[] {
  const topics = new Map<string, EventRecord[]>()
  for (const record of records) {
    const messages = topics.get(record.topic)
    if (messages === undefined) topics.set(record.topic, [record])
    else messages.push(record)
  }
  // kafkajs's types know no header without a value; what writes it is ours.
  return [...topics].map(([topic, messages]) => ({ topic, messages: messages as Message[] }))
}
