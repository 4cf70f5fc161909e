import { createHash } from 'node:crypto'
import { recordBytes, type ConsumedRecord, type EventRecord, type RecordHeaders } from '@orders/kafka'
import { addInfo, addStandIn, type DeadLetterInfo } from './headers.ts'

/** How much of a value is kept in a stand-in, so that it can be recognized. */
const BEGINNING_BYTES = 16_384
const SMALL_BEGINNING_BYTES = 64
const SHORT_MESSAGE = 200
/** A stand-in keeps the record's own headers and key up to this size: they may be what Kafka refuses. */
const OWN_BYTES = 4_096

/**
 * The records to try as a dead letter, the most complete one first: the unchanged record, a stand-in that describes it, and a
 * minimal stand-in with little more than its origin.
 */
export function lettersFor (topic: string, record: ConsumedRecord, info: DeadLetterInfo): EventRecord[] {
  const { key, value, headers } = record
  return [
    { topic, key, value, headers: addInfo(headers, info) },
    standIn(topic, record, info),
    minimal(topic, record, info)
  ]
}

function standIn (topic: string, record: ConsumedRecord, info: DeadLetterInfo): EventRecord {
  const { key, value, headers } = record
  const own = { topic, key, value: null, headers }
  const keepsOwn = recordBytes(own) <= OWN_BYTES
  return {
    topic,
    // Never null: a compacted topic refuses records without a key.
    key: keepsOwn && key !== null ? key : placeOf(info),
    value: value === null ? null : value.subarray(0, BEGINNING_BYTES),
    headers: addStandIn(addInfo(keepsOwn ? headers : none(), info), {
      timestamp: record.timestamp, 'header-count': String(Object.keys(headers).length), ...factsOf(record)
    })
  }
}

function minimal (topic: string, record: ConsumedRecord, info: DeadLetterInfo): EventRecord {
  return {
    topic,
    key: placeOf(info),
    value: record.value === null ? null : record.value.subarray(0, SMALL_BEGINNING_BYTES),
    headers: addStandIn(addInfo(none(), info, SHORT_MESSAGE), { timestamp: record.timestamp, ...factsOf(record) })
  }
}

function factsOf ({ value }: ConsumedRecord): Record<string, string> {
  if (value === null) return { 'value-bytes': 'none' }
  return { 'value-bytes': String(value.length), 'value-sha256': createHash('sha256').update(value).digest('hex') }
}

const placeOf = ({ origin: { topic, partition, offset } }: DeadLetterInfo) => `${topic}/${partition}/${offset}`

const none = () => Object.create(null) as RecordHeaders
