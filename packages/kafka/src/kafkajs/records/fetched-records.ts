import type { RecordHeaders } from '../../event-record.ts'
import { decompress, UnknownCodecError } from '../codecs/decompress.ts'
import { UndecodableError } from '../undecodable-error.ts'
import { ByteReader } from './byte-reader.ts'
import { crc32c } from './crc32c.ts'

/** Marks an entry that stands for records that could not be decoded. */
export interface RecordDamage {
  /**
   * `record`, `batch`: stored like this, so no attempt will ever decode it; `value` has its bytes.
   * `unreadable`: a batch that changed after it was written, or whose format is newer than this code. Another attempt, a repaired
   * broker or a newer version may read it.
   */
  kind: 'record' | 'batch' | 'unreadable'
  message: string
  /** Offset of the first of the records; the entry's `offset` is the last one's. */
  firstOffset: string
  records: number
}

/** A record as kafkajs passes it to the consumer. */
export interface FetchedRecord {
  magicByte: number
  attributes: number
  timestamp: string
  offset: string
  key: Buffer | null
  value: Buffer | null
  /** Without a prototype, because a header may have any name, such as `toString` or `__proto__`. */
  headers: RecordHeaders
  isControlRecord: boolean
  batchContext: BatchContext
  damage?: RecordDamage
}

interface BatchContext {
  firstOffset: string
  producerId: string
  inTransaction: boolean
}

/** Memory that the records of a fetch may still take: see {@link decodeRecordBatches}. */
export interface FetchBudget {
  leftBytes: number
}

const MAGIC = 2
const MAGIC_AT = 16
/** Base offset, and the length of the rest. */
const LENGTH_END = 12
const CRC_AT = 17
const CRC_END = 21
const HEADER_BYTES = 61
const CODEC_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20
/** Memory of a record's objects, besides its bytes: measured 500 to 800. */
const OBJECT_BYTES = 700
/** Records can be as small as seven bytes: more than three million fit into a batch, but not into the heap. */
const MAX_RECORDS = 100_000
/** Names and values can be empty, so a record of a few megabytes could have millions of headers. */
const MAX_HEADERS = 10_000
/** Kafka's largest offset: after any offset that a consumer can ask for. */
const LAST_OFFSET = String(2n ** 63n - 1n)
const NO_TRANSACTION = { producerId: '-1', inTransaction: false }

/**
 * The records of one partition in a fetch: https://kafka.apache.org/documentation/#recordbatch
 *
 * Never throws. Records that cannot be decoded become an entry with a {@link RecordDamage}, which stops neither the other records
 * nor the other partitions of the fetch.
 *
 * @param budget shared by all partitions of one answer. When it is used up, the rest is left for the next fetch: each batch is
 * limited, but a fetch can contain hundreds
 */
export async function decodeRecordBatches (bytes: Buffer, budget: FetchBudget): Promise<FetchedRecord[]> {
  const records: FetchedRecord[] = []
  let at = 0
  while (bytes.length - at > MAGIC_AT && budget.leftBytes > 0) {
    const length = bytes.readInt32BE(at + 8)
    const magic = bytes.readInt8(at + MAGIC_AT)
    const end = at + LENGTH_END + length
    // The end of a fetch may be cut off. The first batch never is: the broker sends it whole, however large.
    if (end > bytes.length && at > 0) break
    const problem = framingProblem(bytes, at, length, magic)
    if (problem !== undefined) {
      records.push(unreadable(bytes, at, problem))
      break
    }
    const batch = bytes.subarray(at, end)
    const decoded = await decodeBatch(batch, budget)
    for (const record of decoded) records.push(record)
    if (decoded.at(-1)?.damage?.kind === 'unreadable') break
    at = end
  }
  return records
}

function framingProblem (bytes: Buffer, at: number, length: number, magic: number): string | undefined {
  if (magic !== MAGIC) return `expected a record batch of version ${MAGIC}, found ${magic}`
  const found = bytes.length - at - LENGTH_END
  if (length < HEADER_BYTES - LENGTH_END || length > found) return `expected a record batch of ${length} bytes, found ${found}`
  const expected = bytes.readUInt32BE(at + CRC_AT)
  const computed = crc32c(bytes, at + CRC_END, at + LENGTH_END + length)
  return expected === computed ? undefined : `expected a record batch with the checksum ${expected}, found ${computed}`
}

function unreadable (bytes: Buffer, at: number, message: string): FetchedRecord {
  const firstOffset = String(bytes.readBigInt64BE(at))
  return damagedRecord(LAST_OFFSET, null, { firstOffset, ...NO_TRANSACTION }, { kind: 'unreadable', message, firstOffset, records: 1 })
}

const codecOf = (batch: Buffer) => batch.readInt16BE(CRC_END) & CODEC_MASK

async function decodeBatch (batch: Buffer, budget: FetchBudget): Promise<FetchedRecord[]> {
  const first = batch.readBigInt64BE(0)
  const attributes = batch.readInt16BE(21)
  const lastOffset = first + BigInt(batch.readInt32BE(23))
  const count = batch.readInt32BE(57)
  const context: BatchContext = {
    firstOffset: String(first), producerId: String(batch.readBigInt64BE(43)), inTransaction: (attributes & TRANSACTIONAL) !== 0
  }
  const compressed = batch.subarray(HEADER_BYTES)
  let bytes = compressed
  if (codecOf(batch) !== 0) {
    try {
      bytes = await decompress(codecOf(batch), compressed)
    } catch (error) {
      if (error instanceof UnknownCodecError) return [unreadable(batch, 0, error.message)]
      const damage: RecordDamage = { kind: 'batch', message: (error as Error).message, firstOffset: context.firstOffset, records: count }
      return [damagedBatch(batch, context, lastOffset, damage)]
    }
    budget.leftBytes -= bytes.length
  }
  if (count > MAX_RECORDS && codecOf(batch) !== 0) {
    const message = `expected at most ${MAX_RECORDS} records in a compressed batch, found ${count}`
    return [damagedBatch(batch, context, lastOffset, { kind: 'batch', message, firstOffset: context.firstOffset, records: count })]
  }
  const records = decodeRecords(bytes, {
    first,
    lastOffset,
    count,
    firstTimestamp: batch.readBigInt64BE(27),
    appendTime: (attributes & LOG_APPEND_TIME) === 0 ? undefined : String(batch.readBigInt64BE(35)),
    isControlRecord: (attributes & CONTROL) !== 0,
    context
  })
  budget.leftBytes -= records.length * OBJECT_BYTES
  // Compaction can remove the last record of a batch, or all of them. Without an entry at the batch's last offset kafkajs would
  // fetch the same offset again, forever.
  if (records.at(-1)?.offset !== String(lastOffset)) {
    records.push({ ...emptyRecord(String(lastOffset), context), isControlRecord: true })
  }
  return records
}

interface Batch {
  first: bigint
  lastOffset: bigint
  count: number
  firstTimestamp: bigint
  appendTime: string | undefined
  isControlRecord: boolean
  context: BatchContext
}

function decodeRecords (bytes: Buffer, batch: Batch): FetchedRecord[] {
  const { context, count } = batch
  const records: FetchedRecord[] = []
  const reader = new ByteReader(bytes)
  let next = batch.first
  for (let index = 0; index < count; index++) {
    const { rest } = reader
    let record: Buffer
    try {
      record = reader.varintBytes() ?? failed('the length of a record', '-1')
    } catch (error) {
      // The start of the next record is unknown too, so the rest of the batch becomes one entry.
      records.push(damagedRecord(String(batch.lastOffset), rest, context, {
        kind: 'record', message: (error as Error).message, firstOffset: String(next), records: count - index
      }))
      break
    }
    try {
      records.push(decodeRecord(record, batch))
    } catch (error) {
      records.push(damagedRecord(String(next), record, context, { kind: 'record', message: (error as Error).message, firstOffset: String(next), records: 1 }))
    }
    next = BigInt(records.at(-1)?.offset ?? next) + 1n
  }
  return records
}

/** https://kafka.apache.org/documentation/#record */
function decodeRecord (bytes: Buffer, { first, firstTimestamp, appendTime, isControlRecord, context }: Batch): FetchedRecord {
  const reader = new ByteReader(bytes)
  const attributes = reader.int8()
  const timestamp = firstTimestamp + reader.varlong()
  const offset = first + BigInt(reader.varint())
  const key = reader.varintBytes()
  const value = reader.varintBytes()
  const headers = emptyHeaders()
  const count = reader.varint()
  if (count < 0 || count > MAX_HEADERS) throw new UndecodableError(`at most ${MAX_HEADERS} headers`, String(count))
  for (let index = 0; index < count; index++) {
    const name = (reader.varintBytes() ?? failed('a header\'s name', 'none')).toString()
    const header = reader.varintBytes()
    const known = headers[name]
    if (known === undefined) headers[name] = header
    else if (Array.isArray(known)) known.push(header)
    else headers[name] = [known, header]
  }
  return {
    magicByte: MAGIC, attributes, timestamp: appendTime ?? String(timestamp), offset: String(offset), key, value, headers, isControlRecord, batchContext: context
  }
}

function emptyHeaders (): RecordHeaders {
  return Object.create(null) as RecordHeaders
}

function emptyRecord (offset: string, batchContext: BatchContext): FetchedRecord {
  return { magicByte: MAGIC, attributes: 0, timestamp: '0', offset, key: null, value: null, headers: emptyHeaders(), isControlRecord: false, batchContext }
}

function damagedRecord (offset: string, value: Buffer | null, context: BatchContext, damage: RecordDamage): FetchedRecord {
  return { ...emptyRecord(offset, context), value, damage }
}

/** An entry with the whole batch as it was received, so no bytes of its records are lost. */
function damagedBatch (batch: Buffer, context: BatchContext, lastOffset: bigint, damage: RecordDamage): FetchedRecord {
  return { ...damagedRecord(String(lastOffset), batch, context, damage), timestamp: String(batch.readBigInt64BE(35)) }
}

function failed (expected: string, found: string): never {
  throw new UndecodableError(expected, found)
}
