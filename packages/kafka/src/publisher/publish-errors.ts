import { nameOf, verdictOf } from '../error-codes.ts'
import type { Failure, WithFailures } from '../kafkajs/patches/named-failures.ts'

/** Kafka will not take a record of the send, however often it is sent: something is wrong with the record itself. */
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
  /** Whether it was the position that could not be committed for it. */
  isPosition: boolean
}

/** Topics that do not exist, or that this client may not write to. Says nothing about the records. */
export class TopicUnavailableError extends Error {
  readonly code = 'KAFKA_TOPIC_UNAVAILABLE'
  readonly topics: readonly UnavailableTopic[]

  constructor (topics: readonly UnavailableTopic[], cause: unknown) {
    super(`Kafka refused ${topics.map(({ topic, reason }) => `topic ${topic}: ${reason}`).join(', ')}`, { cause })
    this.name = 'TopicUnavailableError'
    this.topics = topics
  }
}

/** Another producer with this transactional id was initialised later: this one may not write any more. */
export class PublisherFencedError extends Error {
  readonly code = 'KAFKA_PUBLISHER_FENCED'

  constructor (cause: unknown) {
    super(`Kafka fenced this producer: another one uses its transactional id (${messageOf(cause)})`, { cause })
    this.name = 'PublisherFencedError'
  }
}

/** Whether Kafka took the records is unknown, or it was not reached at all. */
export class PublishUncertainError extends Error {
  readonly code = 'KAFKA_PUBLISH_UNCERTAIN'
  /** Kafka's name of the error, when it answered with one. */
  readonly reason: string | undefined

  constructor (cause: unknown, reason?: string) {
    super(reason === CLOCK
      ? `Kafka refused the time stamp of the records, which is this machine's clock: ${new Date().toISOString()} (${messageOf(cause)})`
      : `not known whether Kafka took the records: ${messageOf(cause)}`, { cause })
    this.name = 'PublishUncertainError'
    this.reason = reason
  }
}

export type PublishError = RecordRefusedError | TopicUnavailableError | PublisherFencedError | PublishUncertainError

const CLOCK = 'INVALID_TIMESTAMP'
const MAX_CAUSES = 5

/** Says which of the kinds a failed publish is; what is not known for certain is uncertain. */
export function toPublishError (error: unknown): PublishError {
  if (error instanceof RecordRefusedError || error instanceof TopicUnavailableError || error instanceof PublisherFencedError || error instanceof PublishUncertainError) {
    return error
  }
  const causes = causesOf(error)
  const failures = causes.flatMap((cause) => (cause as Partial<WithFailures>).failures ?? [])
  // Without failures: answers that are about no topic, such as that of InitProducerId.
  const codes = failures.length > 0 ? failures.map(({ code }) => code) : causes.flatMap(({ code }) => typeof code === 'number' ? [code] : [])
  if (codes.some((code) => verdictOf(code) === 'fenced')) return new PublisherFencedError(error)
  const topics = unavailable(failures)
  if (topics.length > 0) return new TopicUnavailableError(topics, error)
  // Of a produce request alone: no other one has records in it.
  const refused = failures.find(({ request, code }) => request === 'Produce' && verdictOf(code) === 'record')
  if (refused !== undefined) return new RecordRefusedError(nameOf(refused.code), error)
  const [code] = codes
  return new PublishUncertainError(error, code === undefined ? causes.find(({ type }) => type !== undefined)?.type : nameOf(code))
}

function unavailable (failures: readonly Failure[]): UnavailableTopic[] {
  const topics = new Map<string, UnavailableTopic>()
  for (const { request, topic, code } of failures) {
    if (verdictOf(code) === 'topic') topics.set(topic, { topic, reason: nameOf(code), isPosition: request === 'TxnOffsetCommit' })
  }
  return [...topics.values()]
}

interface KafkaCause {
  type?: string
  code?: unknown
  cause?: KafkaCause
}

/** The error and what it was made of: kafkajs wraps the broker's answer, sometimes twice. */
export function causesOf (error: unknown): KafkaCause[] {
  const causes: KafkaCause[] = []
  for (let cause = error as KafkaCause | undefined; typeof cause === 'object' && cause !== null && causes.length < MAX_CAUSES; cause = cause.cause) causes.push(cause)
  return causes
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
