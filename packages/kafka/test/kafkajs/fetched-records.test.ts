import { gzipSync, zstdCompressSync } from 'node:zlib'
import '@orders/kafka'
import t from 'tap'
import { ByteWriter } from '../../src/kafkajs/records/byte-writer.ts'
import { crc32c } from '../../src/kafkajs/records/crc32c.ts'
import { MAX_DECOMPRESSED_BYTES } from '../../src/kafkajs/codecs/decompress.ts'
import { kafkajsModule } from '../../src/kafkajs/module.ts'
import { decodeRecordBatches, type FetchedRecord } from '../../src/kafkajs/records/fetched-records.ts'
import { decodeMessages } from '../../src/kafkajs/patches/fetched-records.ts'
import { writeRecordBatch, type RecordToWrite } from '../../src/kafkajs/records/record-batch.ts'

const HEADER_BYTES = 61

function recordBatch (records: RecordToWrite[]): Buffer {
  const writer = new ByteWriter(1_024)
  writeRecordBatch(writer, { records, producerId: 7n, producerEpoch: 0, firstSequence: 0, transactional: false })
  return Buffer.from(writer.buffer)
}

/** The batch with another codec, or another change, and a correct checksum. */
function changed (batch: Buffer, change: { codec?: number, records?: Buffer, firstOffset?: bigint, count?: number, lastDelta?: number }): Buffer {
  const { codec = 0, records = batch.subarray(HEADER_BYTES), firstOffset = 0n, count, lastDelta } = change
  const all = Buffer.concat([batch.subarray(0, HEADER_BYTES), records])
  all.writeBigInt64BE(firstOffset, 0)
  all.writeInt32BE(all.length - 12, 8)
  all.writeInt16BE(all.readInt16BE(21) | codec, 21)
  if (count !== undefined) all.writeInt32BE(count, 57)
  if (lastDelta !== undefined) all.writeInt32BE(lastDelta, 23)
  all.writeUInt32BE(crc32c(all, 21), 17)
  return all
}

const decode = (...batches: Buffer[]) => decodeRecordBatches(Buffer.concat(batches), { leftBytes: 67_108_864 })
const values = (records: FetchedRecord[]) => records.filter(({ isControlRecord, damage }) => !isControlRecord && damage === undefined).map(({ value }) => String(value))
const damages = (records: FetchedRecord[]) => records.flatMap(({ damage, offset }) => damage === undefined ? [] : [{ ...damage, offset }])

t.test('headers with any name and value are read as they were written', async (t) => {
  const odd = Object.create(null) as Record<string, string>
  for (const name of ['__proto__', 'toString', 'constructor', 'hasOwnProperty', '']) odd[name] = name
  const [record] = await decode(recordBatch([{ key: null, value: null, headers: { ...odd, none: null as never, twice: ['1', '2'], empty: '' } }]))
  const headers = record?.headers ?? {}
  t.equal(Object.getPrototypeOf(headers), null)
  t.same(Object.keys(headers).sort(), ['', '__proto__', 'constructor', 'empty', 'hasOwnProperty', 'none', 'toString', 'twice'])
  for (const name of Object.keys(odd)) t.equal(String(headers[name]), name)
  t.equal(headers.none, null)
  t.same(headers.twice, [Buffer.from('1'), Buffer.from('2')])
  t.same(headers.empty, Buffer.alloc(0))
  t.match(record, { key: null, value: null, offset: '0' })
})

t.test('offsets and timestamps add up from batch and record; the end of a compacted batch is skipped', async (t) => {
  const batch = recordBatch([{ value: 'a', timestamp: '1700000000000' }, { value: 'b', timestamp: '1700000000500' }])
  const records = await decode(changed(batch, { firstOffset: 10n }), changed(batch, { firstOffset: 2n ** 40n, lastDelta: 9 }))
  t.same(records.map(({ offset, timestamp, isControlRecord }) => [offset, timestamp, isControlRecord]), [
    ['10', '1700000000000', false], ['11', '1700000000500', false],
    [String(2n ** 40n), '1700000000000', false], [String(2n ** 40n + 1n), '1700000000500', false], [String(2n ** 40n + 9n), '0', true]
  ])
  const [none] = await decode(changed(batch, { records: Buffer.alloc(0), count: 0 }))
  t.match(none, { offset: '1', isControlRecord: true }, 'a batch emptied by compaction leaves an entry, or it would be fetched forever')
})

t.test('a record that cannot be decoded becomes an entry with its bytes; the records around it are decoded', async (t) => {
  const batch = recordBatch([{ value: 'a' }, { value: 'bb', headers: { h: 'x' } }, { value: 'c' }])
  const broken = Buffer.from(batch)
  const at = broken.indexOf('bb')
  broken[at + 2] = 0x7e // it has 63 headers now
  const records = await decode(changed(broken, {}))
  t.same(values(records), ['a', 'c'])
  t.match(damages(records), [{ kind: 'record', offset: '1', firstOffset: '1', records: 1, message: /expected/ }])

  const lengthAt = HEADER_BYTES + 1 + (batch[HEADER_BYTES]! >> 1)
  const cut = Buffer.from(batch)
  cut[lengthAt] = 0x7e
  t.same(values(await decode(changed(cut, {}))), ['a'])
  t.match(damages(await decode(changed(cut, {}))), [{ kind: 'record', offset: '2', firstOffset: '1', records: 2 }], 'the start of the next record is unknown')
})

t.test('a batch that cannot be decompressed, or is too large, becomes one entry with its bytes; the next batch is decoded', async (t) => {
  const batch = recordBatch([{ value: 'a' }, { value: 'b' }])
  const next = changed(recordBatch([{ value: 'next' }]), { firstOffset: 2n })
  const bomb = recordBatch([{ value: Buffer.alloc(MAX_DECOMPRESSED_BYTES) }])
  const many = recordBatch(Array.from({ length: 100_001 }, () => ({ value: null })))
  const cases: Array<[string, Buffer, RegExp]> = [
    ['no gzip', changed(batch, { codec: 1 }), /expected gzip/],
    ['no snappy', changed(batch, { codec: 2, records: Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) }), /snappy/],
    ['no LZ4', changed(batch, { codec: 3 }), /LZ4/],
    ['no zstd', changed(batch, { codec: 4 }), /cannot be decompressed/],
    ['32 MiB by gzip', changed(bomb, { codec: 1, records: gzipSync(bomb.subarray(HEADER_BYTES)) }), /at most 33554432 bytes/],
    ['32 MiB by zstd', changed(bomb, { codec: 4, records: zstdCompressSync(bomb.subarray(HEADER_BYTES)) }), /at most 33554432 bytes/],
    ['100,001 records', changed(many, { codec: 1, records: gzipSync(many.subarray(HEADER_BYTES)) }), /at most 100000 records/]
  ]
  for (const [name, bad, message] of cases) {
    const records = await decode(bad, next)
    t.same(values(records), ['next'], name)
    t.match(damages(records), [{ kind: 'batch', firstOffset: '0', message }], name)
    t.ok(records[0]?.value?.equals(bad), `${name}: the entry has all bytes`)
  }
})

t.test('a batch that changed after it was written stops its partition', async (t) => {
  const good = recordBatch([{ value: 'a' }])
  const next = changed(recordBatch([{ value: 'b' }]), { firstOffset: 1n })
  const flipped = Buffer.from(next)
  flipped[flipped.length - 2]! ^= 1
  const newer = Buffer.from(next)
  newer[16] = 3
  const long = Buffer.from(next)
  long.writeInt32BE(2 ** 31 - 1, 8)
  for (const [name, bad, message] of [
    ['checksum', flipped, /checksum/], ['version', newer, /version 2, found 3/], ['an unknown codec', changed(next, { codec: 5, firstOffset: 1n }), /codec 5/]
  ] as const) {
    const records = await decode(good, bad, good)
    t.same(values(records), ['a'], name)
    t.match(damages(records), [{ kind: 'unreadable', firstOffset: '1', message }], name)
  }
  t.match(damages(await decode(long)), [{ kind: 'unreadable' }], 'a fetch never cuts its first batch off')
  t.same(await decode(good, next.subarray(0, 40)), await decode(good), 'a later batch may be cut off, and comes with the next fetch')
})

t.test('an answer with very many records is read in parts', async (t) => {
  const batch = recordBatch(Array.from({ length: 50_000 }, () => ({ value: null })))
  const zipped = changed(batch, { codec: 1, records: gzipSync(batch.subarray(HEADER_BYTES)) })
  const records = await decode(zipped, zipped, zipped, zipped)
  t.equal(records.length, 100_000)
})

t.test('a record with 10,000 headers is decoded quickly; one with more becomes an entry with its bytes', async (t) => {
  const headers = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, '']))
  const [record, tooMany] = await decode(recordBatch([{ value: 'v', headers: headers(10_000) }, { value: 'v', headers: headers(10_001) }]))
  t.equal(Object.keys(record?.headers ?? {}).length, 10_000)
  t.match(tooMany?.damage, { kind: 'record', message: /at most 10000 headers/ })
})

t.test('kafkajs uses our decoder', async (t) => {
  t.equal(kafkajsModule('protocol/requests/fetch/v4/decodeMessages', 'patches/fetched-records.ts'), decodeMessages)
})
