import type { EventRecord } from '../event-record.ts'
import { sizeOfVarint } from '../kafkajs/records/byte-writer.ts'

/** Kafka's default for a topic's `max.message.bytes`, rounded down. */
export const DEFAULT_MAX_SEND_BYTES = 1_048_576

/** The header of a record batch: https://kafka.apache.org/documentation/#recordbatch */
const BATCH_BYTES = 61
/** A record's attributes, and its length, timestamp, offset and number of headers at their longest. */
const RECORD_BYTES = 1 + 5 + 10 + 5 + 5

/**
 * Splits records, in their order, into parts that Kafka accepts.
 *
 * One send makes one record batch for each partition, and a topic's `max.message.bytes` limits the batch, not the record. Records
 * that are each small enough would be refused together when their keys lead to one partition.
 *
 * @param maxBytes the limit of a part. A record that exceeds it alone is a part of its own: Kafka decides whether to refuse it
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

/** An upper bound of the bytes that a record takes in a batch; at most a few bytes too high. */
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
