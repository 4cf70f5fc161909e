import type { ByteWriter } from './byte-writer.ts'
import { crc32c } from './crc32c.ts'
import type { HeaderValue } from '../../event-record.ts'

/** A record as kafkajs passes it to the encoder. */
export interface RecordToWrite {
  key?: Buffer | string | null
  value: Buffer | string | null
  headers?: Record<string, HeaderValue | HeaderValue[] | undefined> | undefined
  timestamp?: string | null
}

export interface BatchToWrite {
  records: readonly RecordToWrite[]
  producerId: bigint
  producerEpoch: number
  firstSequence: number
  transactional: boolean
}

const MAGIC = 2
const TRANSACTIONAL = 0x10
/** Any value from 64 to 8,191: the length of most records takes two bytes. */
const USUAL_RECORD_BYTES = 300
const NO_HEADERS = {}

/** https://kafka.apache.org/documentation/#recordbatch, without compression. */
export function writeRecordBatch (writer: ByteWriter, { records, ...batch }: BatchToWrite): void {
  const now = Date.now()
  const { first, max } = timestamps(records, now)
  writer.int64(0n) // first offset: set by the broker
  const lengthAt = writer.length
  writer.skip(4)
  writer.int32(0) // leader epoch: set by the broker
  writer.int8(MAGIC)
  const crcAt = writer.length
  writer.skip(4)
  writer.int16(batch.transactional ? TRANSACTIONAL : 0)
  writer.int32(records.length - 1)
  writer.int64(BigInt(first))
  writer.int64(BigInt(max))
  writer.int64(batch.producerId)
  writer.int16(batch.producerEpoch)
  writer.int32(batch.firstSequence)
  writer.int32(records.length)
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    writeRecord(writer, record, index, Number(record.timestamp || now) - first)
  }
  writer.int32At(lengthAt, writer.length - lengthAt - 4)
  writer.uint32At(crcAt, crc32c(writer.buffer, crcAt + 4))
}

/** https://kafka.apache.org/documentation/#record */
export function writeRecord (writer: ByteWriter, { key, value, headers = NO_HEADERS }: RecordToWrite, offsetDelta: number, timestampDelta: number): void {
  const lengthAt = writer.reserveVarint(USUAL_RECORD_BYTES)
  writer.int8(0)
  writer.varlong(timestampDelta)
  writer.varint(offsetDelta)
  writer.varintBytes(key)
  writer.varintBytes(value)
  const names = Object.keys(headers)
  let count = names.length
  for (const name of names) {
    const header = headers[name]
    if (Array.isArray(header)) count += header.length - 1
  }
  writer.varint(count)
  for (const name of names) {
    const header = headers[name]
    if (!Array.isArray(header)) {
      writer.varintBytes(name)
      writer.varintBytes(header)
      continue
    }
    for (const each of header) {
      writer.varintBytes(name)
      writer.varintBytes(each)
    }
  }
  writer.closeVarint(lengthAt, USUAL_RECORD_BYTES)
}

/** Like kafkajs: compared as texts, and a record without a timestamp gets the current time. */
function timestamps (records: readonly RecordToWrite[], now: number): { first: number, max: number } {
  const given: string[] = []
  for (const { timestamp } of records) if (timestamp !== undefined && timestamp !== null) given.push(timestamp)
  if (given.length === 0) return { first: now, max: now }
  given.sort()
  return { first: Number(given[0]), max: Number(given.at(-1)) }
}
