import { sizeOfVarint } from '../kafkajs/records/byte-writer.ts'
import type { EventRecord } from '../event-record.ts'

/** Kafka's default for a topic's `max.message.bytes`, rounded down. */
export const DEFAULT_MAX_SEND_BYTES = 1_048_576

/** What a record batch has before its first record: https://kafka.apache.org/documentation/#recordbatch */
const BATCH_BYTES = 61
/** Of a record: its attributes, and its length, time, offset and number of headers at their longest. */
const RECORD_BYTES = 1 + 5 + 10 + 5 + 5

/**
 * Splits records, in their order, so that each part can be sent at once.
 *
 * What one send has for a partition is one record batch, and a topic's `max.message.bytes` is the limit of that batch, not
 * of a record. So many records that were fine one by one would be refused together, when their keys lead to one partition.
 *
 * @param maxBytes what a part has at most, unless it is a single record
 */
export function splitIntoSends (records: readonly EventRecord[], maxBytes: number): EventRecord[][] {
  const sends: EventRecord[][] = []
  let room = 0
  for (const record of records) {
    const bytes = recordBytes(record)
    const send = sends.at(-1)
    if (send !== undefined && bytes <= room) {
      send.push(record)
      room -= bytes
    } else {
      sends.push([record])
      room = maxBytes - BATCH_BYTES - bytes
    }
  }
  return sends
}

/** What a record takes in a batch: never less, and at most a few bytes more. */
export function recordBytes ({ key, value, headers }: EventRecord): number {
  let bytes = RECORD_BYTES + lengthAndBytes(key) + lengthAndBytes(value)
  for (const name of Object.keys(headers)) {
    const header = headers[name]
    for (const each of Array.isArray(header) ? header : [header]) bytes += lengthAndBytes(name) + lengthAndBytes(each)
  }
  return bytes
}

function lengthAndBytes (value: Buffer | string | null | undefined): number {
  const bytes = value === null || value === undefined ? 0 : Buffer.byteLength(value)
  return sizeOfVarint(bytes) + bytes
}
