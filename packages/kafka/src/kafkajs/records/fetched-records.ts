import { ByteReader } from './byte-reader.ts'
import { crc32c } from './crc32c.ts'
import { decompress, UnknownCodecError } from '../codecs/decompress.ts'
import type { RecordHeaders } from '../../event-record.ts'
import { UndecodableError } from './undecodable-error.ts'

/** In place of what could not be decoded. */
export interface RecordDamage {
  /**
   * `record`, `batch`: Kafka keeps it as it was written, so that no attempt will ever decode it; `value` has its bytes.
   * `unreadable`: a batch that is not what was written, or of a format that is newer than this code. Another attempt, a
   * mended broker or a newer version may read it.
   */
  kind: 'record' | 'batch' | 'unreadable'
  message: string
  /** Of the records that it stands for; `offset` is the last one's. */
  firstOffset: string
  records: number
}

/** A record as kafkajs passes it on to the consumer. */
export interface FetchedRecord {
  magicByte: number
  attributes: number
  timestamp: string
  offset: string
  key: Buffer | null
  value: Buffer | null
  /** Without a prototype: a header may have any name, also `toString` or `__proto__`. */
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

/** What the records of a fetch may still take in memory: see {@link decodeRecordBatches}. */
export interface FetchBudget {
  leftBytes: number
}

const MAGIC = 2
const MAGIC_AT = 16
/** Base offset, and the length of what follows. */
const LENGTH_END = 12
const CRC_AT = 17
const CRC_END = 21
const HEADER_BYTES = 61
const CODEC_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20
/** What a record takes besides its bytes, as objects: measured 500 to 800. */
const OBJECT_BYTES = 700
/** Of seven bytes each, more than three million of them fit into a batch, and into no heap. */
const MAX_RECORDS = 100_000
/** Names and values can be empty, so that a record of a few megabytes could have millions. */
const MAX_HEADERS = 10_000
/** Kafka's largest offset: behind any that a consumer can ask for. */
const LAST_OFFSET = String(2n ** 63n - 1n)
const NO_TRANSACTION = { producerId: '-1', inTransaction: false }

/**
 * The records of a partition that a fetch has brought: https://kafka.apache.org/documentation/#recordbatch
 *
 * Never throws: what cannot be decoded is there as a record with a {@link RecordDamage}, so that it stops neither the
 * records around it nor the other partitions of the fetch.
 *
 * @param budget of all partitions of one answer together. When it is used up, the rest is left for the next fetch: each
 * batch is bounded, but a fetch can bring hundreds.
 */
export async function decodeRecordBatches (bytes: Buffer, budget: FetchBudget): Promise<FetchedRecord[]> {
  const records: FetchedRecord[] = []
  let at = 0
  while (bytes.length - at > MAGIC_AT && budget.leftBytes > 0) {
    const length = bytes.readInt32BE(at + 8)
    const magic = bytes.readInt8(at + MAGIC_AT)
    const end = at + LENGTH_END + length
    // What a fetch has no room for is cut off. Not the first batch: a broker sends it as a whole, however large.
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
  // Compaction can take the last record of a batch, or all of them. Without anything at its last offset kafkajs would ask
  // for the same offset again, for ever.
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
      // Where the next one begins is not known either: all that is left is one.
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

/** The whole batch, as it came: in it is all that there is to know of its records. */
function damagedBatch (batch: Buffer, context: BatchContext, lastOffset: bigint, damage: RecordDamage): FetchedRecord {
  return { ...damagedRecord(String(lastOffset), batch, context, damage), timestamp: String(batch.readBigInt64BE(35)) }
}

function failed (expected: string, found: string): never {
  throw new UndecodableError(expected, found)
}
