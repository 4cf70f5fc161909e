import type { EventRecord } from '@orders/kafka'
import { Random } from '@orders/testing/framework/random'
import t from 'tap'
import { ByteWriter } from '../../src/kafkajs/records/byte-writer.ts'
import { writeRecord, writeRecordBatch } from '../../src/kafkajs/records/record-batch.ts'
import { recordBytes, splitIntoSends } from '../../src/publisher/sends.ts'
import { below, oneOf, randomBytes, randomText } from '../random-content.ts'

const SEED = 20_261_125
const LATE = Number.MAX_SAFE_INTEGER

function randomRecord (random: Random): EventRecord {
  const content = () => oneOf(random, [null, randomBytes(random, below(random, 300)), randomText(random, below(random, 300))])
  const header = () => randomText(random, below(random, 200))
  return {
    topic: 't',
    key: content(),
    value: content(),
    headers: Object.fromEntries(Array.from({ length: below(random, 8) }, () => [randomText(random, below(random, 30)), oneOf(random, [header(), [header(), header()], randomBytes(random, 20)])]))
  }
}

t.test('no record takes more bytes than calculated, and at most a few less', async (t) => {
  const random = new Random(SEED)
  const short: number[] = []
  for (let count = 0; count < 2_000; count++) {
    const record = randomRecord(random)
    const writer = new ByteWriter(16)
    writeRecord(writer, record, LATE % 0x7fff_ffff, LATE)
    const spare = recordBytes(record) - writer.length
    if (spare < 0 || spare > 26) short.push(count)
  }
  t.same(short, [], `records of seed ${SEED}`)
})

t.test('every part keeps the limit and the order, and is as full as possible', async (t) => {
  const random = new Random(SEED)
  const records = Array.from({ length: 500 }, () => randomRecord(random))
  const limit = 10_000
  const sends = splitIntoSends(records, limit)
  t.same(sends.flat(), records)
  for (const [index, send] of sends.entries()) {
    const writer = new ByteWriter(16)
    writeRecordBatch(writer, { records: send, producerId: 7n, producerEpoch: 0, firstSequence: 0, transactional: true })
    if (writer.length > limit) t.fail(`part ${index} takes ${writer.length}`)
    const [next] = sends[index + 1] ?? []
    if (next !== undefined && writer.length + recordBytes(next) <= limit - send.length * 26) t.fail(`part ${index} has room for the next record`)
  }
  t.ok(sends.length > 5)
})

t.test('an oversized record is sent alone, and Kafka\'s answer decides', async (t) => {
  const record = (size: number): EventRecord => ({ topic: 't', key: null, value: 'x'.repeat(size), headers: {} })
  t.same(splitIntoSends([record(10), record(5_000), record(10), record(10)], 1_000).map((send) => send.length), [1, 1, 2])
  t.same(splitIntoSends([], 1_000), [])
})
