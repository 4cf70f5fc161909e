import { kindOf, nameOf } from '../error-codes.ts'
import type { Failure, WithFailures } from '../kafkajs/patches/named-failures.ts'

/** Kafka refuses a record of the send, however often it is sent: something is wrong with the record itself. */
export class RecordRefusedError extends Error {
  readonly code = 'KAFKA_RECORD_REFUSED'
  /** Kafka's name of the error. */
  readonly reason: string

  constructor (reason: string, cause: unknown) {
    super(`Kafka refused a record: ${reason} (${messageOf(cause)})`, { cause })
    this.name = 'RecordRefusedError'
    this.reason = reason
  }
}

/** One topic that cannot be written to. */
export interface UnavailableTopic {
  topic: string
  /** Kafka's name of the error. */
  reason: string
  /** Whether the position could not be committed for this topic, rather than a record written to it. */
  isPosition: boolean
}

/** Topics do not exist, or this client may not write to them. Says nothing about the records. */
export class TopicUnavailableError extends Error {
  readonly code = 'KAFKA_TOPIC_UNAVAILABLE'
  readonly topics: readonly UnavailableTopic[]

  constructor (topics: readonly UnavailableTopic[], cause: unknown) {
    super(`Kafka refused ${topics.map(({ topic, reason }) => `topic ${topic}: ${reason}`).join(', ')}`, { cause })
    this.name = 'TopicUnavailableError'
    this.topics = topics
  }
}

/** Another producer took this transactional id later. This one can write no more. */
export class PublisherFencedError extends Error {
  readonly code = 'KAFKA_PUBLISHER_FENCED'

  constructor (cause: unknown) {
    super(`Kafka fenced this producer: another producer has taken its transactional id (${messageOf(cause)})`, { cause })
    this.name = 'PublisherFencedError'
  }
}

/** It is unknown whether Kafka wrote the records, or Kafka was not reached. */
export class PublishUncertainError extends Error {
  readonly code = 'KAFKA_PUBLISH_UNCERTAIN'
  /** Kafka's name of the error, when it answered with one. */
  readonly reason: string | undefined

  constructor (cause: unknown, reason?: string) {
    super(reason === CLOCK
      ? `Kafka refused the timestamp of the records, which is this machine's clock: ${new Date().toISOString()} (${messageOf(cause)})`
      : `it is unknown whether Kafka wrote the records: ${messageOf(cause)}`, { cause })
    this.name = 'PublishUncertainError'
    this.reason = reason
  }
}

export type PublishError = RecordRefusedError | TopicUnavailableError | PublisherFencedError | PublishUncertainError

const CLOCK = 'INVALID_TIMESTAMP'
const MAX_CAUSES = 5

/** The kind of a failed publish. An error that fits no other kind is uncertain. */
export function toPublishError (error: unknown): PublishError {
  if (error instanceof RecordRefusedError || error instanceof TopicUnavailableError || error instanceof PublisherFencedError || error instanceof PublishUncertainError) {
    return error
  }
  const causes = causesOf(error)
  const failures = causes.flatMap((cause) => (cause as Partial<WithFailures>).failures ?? [])
  // An answer without failures is about no topic, such as the answer to InitProducerId.
  const codes = failures.length > 0 ? failures.map(({ code }) => code) : causes.flatMap(({ code }) => typeof code === 'number' ? [code] : [])
  if (codes.some((code) => kindOf(code) === 'fenced')) return new PublisherFencedError(error)
  const topics = unavailable(failures)
  if (topics.length > 0) return new TopicUnavailableError(topics, error)
  // Produce only: no other request contains records.
  const refused = failures.find(({ request, code }) => request === 'Produce' && kindOf(code) === 'record')
  if (refused !== undefined) return new RecordRefusedError(nameOf(refused.code), error)
  const [code] = codes
  return new PublishUncertainError(error, code === undefined ? causes.find(({ type }) => type !== undefined)?.type : nameOf(code))
}

function unavailable (failures: readonly Failure[]): UnavailableTopic[] {
  const topics = new Map<string, UnavailableTopic>()
  for (const { request, topic, code } of failures) {
    if (kindOf(code) === 'topic') topics.set(topic, { topic, reason: nameOf(code), isPosition: request === 'TxnOffsetCommit' })
  }
  return [...topics.values()]
}

interface KafkaCause {
  type?: string
  code?: unknown
  cause?: KafkaCause
}

/** The error and its causes: kafkajs wraps the broker's answer, sometimes twice. */
export function causesOf (error: unknown): KafkaCause[] {
  const causes: KafkaCause[] = []
  for (let cause = error as KafkaCause | undefined; typeof cause === 'object' && cause !== null && causes.length < MAX_CAUSES; cause = cause.cause) causes.push(cause)
  return causes
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
