import { parseRfc3339 } from './rfc-3339.ts'

/**
 * CloudEvents 1.0 in Kafka's binary mode: the value is the data, the attributes are headers `ce_…`.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 *
 * `aggregatetype` and `aggregateversion` are our extension attributes. This file does not depend on the type of the events.
 */

/** An outgoing event. Everything is text, as the outbox returns it. */
export interface OutgoingEvent {
  id: string
  type: string
  /** RFC 3339. */
  time: string
  aggregateType: string
  aggregateId: string
  aggregateVersion: string
  /** JSON, passed on unchanged. */
  data: string
}

export interface EncodedEvent {
  key: string
  value: string
  headers: Record<string, string>
}

/** An event as a consumer receives it. */
export interface IncomingEvent {
  id: string
  type: string
  source: string
  time: Date
  aggregateType: string
  aggregateId: string
  aggregateVersion: number
  traceparent: string | undefined
  data: Buffer
}

/** A record that is not one of our CloudEvents. Reading it again will fail again. */
export class CloudEventError extends Error {
  readonly code = 'CLOUD_EVENT_INVALID'

  constructor (expected: string, found: string) {
    super(`not a CloudEvent: expected ${expected}, found ${found}`)
    this.name = 'CloudEventError'
  }
}

export interface EncodeOptions {
  source: string
  /** Headers to pass on, such as `traceparent`. The object is changed, not copied. The event's own attributes override them. */
  carried?: Record<string, string>
}

export function encodeCloudEvent (event: OutgoingEvent, { source, carried: headers = {} }: EncodeOptions): EncodedEvent {
  headers.ce_specversion = '1.0'
  headers.ce_id = event.id
  headers.ce_source = source
  headers.ce_type = event.type
  headers.ce_time = event.time
  headers.ce_subject = event.aggregateId
  headers.ce_aggregatetype = event.aggregateType
  headers.ce_aggregateversion = event.aggregateVersion
  headers['content-type'] = 'application/json'
  return { key: event.aggregateId, value: event.data, headers }
}

/** null: a header without a value, which Kafka allows. */
type HeaderValue = Buffer | string | null | Array<Buffer | string | null> | undefined

export interface KafkaRecord {
  value: Buffer | string | null
  headers: Record<string, HeaderValue>
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** An Integer of CloudEvents has 32 bits. */
const MAX_INTEGER = 2_147_483_647
const MAX_TEXT_LENGTH = 1_024

/** @throws CloudEventError */
export function decodeCloudEvent ({ value, headers }: KafkaRecord): IncomingEvent {
  const specVersion = attribute(headers, 'ce_specversion')
  if (!specVersion.startsWith('1.')) throw new CloudEventError('ce_specversion 1.x', specVersion)
  const id = attribute(headers, 'ce_id')
  if (!UUID.test(id)) throw new CloudEventError('a UUID as ce_id', JSON.stringify(id))
  const timestamp = attribute(headers, 'ce_time')
  const time = parseRfc3339(timestamp)
  if (time === undefined) throw new CloudEventError('an RFC 3339 ce_time', JSON.stringify(timestamp))
  const version = attribute(headers, 'ce_aggregateversion')
  const aggregateVersion = Number(version)
  if (!/^[0-9]{1,10}$/.test(version) || aggregateVersion < 1 || aggregateVersion > MAX_INTEGER) {
    throw new CloudEventError(`ce_aggregateversion from 1 to ${MAX_INTEGER}`, JSON.stringify(version))
  }
  if (value === null) throw new CloudEventError('a value', 'none')
  return {
    id: id.toLowerCase(),
    type: attribute(headers, 'ce_type'),
    source: attribute(headers, 'ce_source'),
    time,
    aggregateType: attribute(headers, 'ce_aggregatetype'),
    aggregateId: attribute(headers, 'ce_subject'),
    aggregateVersion,
    traceparent: optional(headers.traceparent),
    data: typeof value === 'string' ? Buffer.from(value) : value
  }
}

function attribute (headers: Record<string, HeaderValue>, name: string): string {
  const text = optional(headers[name])
  if (text === undefined || text === '') throw new CloudEventError(`one header ${name}`, 'none')
  if (text.length > MAX_TEXT_LENGTH || text.includes('\0')) {
    throw new CloudEventError(`${name} of up to ${MAX_TEXT_LENGTH} characters without NUL`, `${text.length} characters`)
  }
  return text
}

function optional (value: HeaderValue): string | undefined {
  return value === undefined || value === null || Array.isArray(value) ? undefined : value.toString()
}
