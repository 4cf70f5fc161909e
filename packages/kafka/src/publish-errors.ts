/**
 * Kafka will not take the record, however often it is sent. `scope` says what was refused: this record, or the whole
 * topic (it does not exist, or this client may not write to it).
 */
export class RecordRefusedError extends Error {
  readonly code = 'KAFKA_RECORD_REFUSED'
  readonly reason: string
  readonly scope: 'record' | 'topic'

  constructor (reason: string, scope: 'record' | 'topic', cause: unknown) {
    super(`Kafka refused ${scope === 'record' ? 'a record' : 'the topic'}: ${reason} (${messageOf(cause)})`, { cause })
    this.name = 'RecordRefusedError'
    this.reason = reason
    this.scope = scope
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

  constructor (cause: unknown) {
    super(`not known whether Kafka took the records: ${messageOf(cause)}`, { cause })
    this.name = 'PublishUncertainError'
  }
}

export type PublishError = RecordRefusedError | PublisherFencedError | PublishUncertainError

// https://kafka.apache.org/protocol#protocol_error_codes
const REFUSED_RECORD = new Set([
  'MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TIMESTAMP', 'INVALID_TOPIC_EXCEPTION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'POLICY_VIOLATION'
])
const REFUSED_TOPIC = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED'])
const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING'])
/** kafkajs 2.2.4 does not know the names of the newer codes. */
const FENCED_CODES = new Set([47, 49, 90])
const REFUSED_RECORD_CODES = new Set([87])

/** Says which of the three kinds a failed publish is; what is not known for certain is uncertain. */
export function toPublishError (error: unknown): PublishError {
  if (error instanceof RecordRefusedError || error instanceof PublisherFencedError || error instanceof PublishUncertainError) {
    return error
  }
  // kafkajs wraps the broker's answer, sometimes twice.
  for (let cause = error as KafkaCause | undefined, depth = 0; cause && depth < 5; cause = cause.cause, depth++) {
    const { type = '', code = 0 } = cause
    if (FENCED.has(type) || FENCED_CODES.has(code)) return new PublisherFencedError(error)
    if (REFUSED_RECORD.has(type) || REFUSED_RECORD_CODES.has(code)) return new RecordRefusedError(type || String(code), 'record', error)
    if (REFUSED_TOPIC.has(type)) return new RecordRefusedError(type, 'topic', error)
  }
  return new PublishUncertainError(error)
}

interface KafkaCause {
  type?: string
  code?: number
  cause?: KafkaCause
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
