import { createHash } from 'node:crypto'
import { recordBytes, type ConsumedRecord, type EventRecord, type RecordHeaders } from '@orders/kafka'
import { addStandIn, addVerdict, type Verdict } from './headers.ts'

/** Of a value that Kafka does not take, what is kept to recognise it by. */
const BEGINNING_BYTES = 16_384
const SMALL_BEGINNING_BYTES = 64
const SHORT_MESSAGE = 200
/** Its own headers and key travel along as long as they cannot be what is too much. */
const OWN_BYTES = 4_096

/**
 * The records that may take the place of a dead letter that Kafka refuses, the fullest first: the record as it was, a
 * stand-in that says what it was, and one that says little more than where it was.
 */
export function lettersFor (topic: string, record: ConsumedRecord, verdict: Verdict): EventRecord[] {
  const { key, value, headers } = record
  return [
    { topic, key, value, headers: addVerdict(headers, verdict) },
    standIn(topic, record, verdict),
    minimal(topic, record, verdict)
  ]
}

function standIn (topic: string, record: ConsumedRecord, verdict: Verdict): EventRecord {
  const { key, value, headers } = record
  const own = { topic, key, value: null, headers }
  const keepsOwn = recordBytes(own) <= OWN_BYTES
  return {
    topic,
    // Never null: a compacted topic takes no record without a key.
    key: keepsOwn && key !== null ? key : placeOf(verdict),
    value: value === null ? null : value.subarray(0, BEGINNING_BYTES),
    headers: addStandIn(addVerdict(keepsOwn ? headers : none(), verdict), {
      timestamp: record.timestamp, 'header-count': String(Object.keys(headers).length), ...factsOf(record)
    })
  }
}

function minimal (topic: string, record: ConsumedRecord, verdict: Verdict): EventRecord {
  return {
    topic,
    key: placeOf(verdict),
    value: record.value === null ? null : record.value.subarray(0, SMALL_BEGINNING_BYTES),
    headers: addStandIn(addVerdict(none(), verdict, SHORT_MESSAGE), { timestamp: record.timestamp, ...factsOf(record) })
  }
}

function factsOf ({ value }: ConsumedRecord): Record<string, string> {
  if (value === null) return { 'value-bytes': 'none' }
  return { 'value-bytes': String(value.length), 'value-sha256': createHash('sha256').update(value).digest('hex') }
}

const placeOf = ({ origin: { topic, partition, offset } }: Verdict) => `${topic}/${partition}/${offset}`

const none = () => Object.create(null) as RecordHeaders
