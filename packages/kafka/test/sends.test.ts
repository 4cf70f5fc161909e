import type { EventRecord } from '@orders/kafka'
import t from 'tap'
import { ByteWriter } from '../src/kafkajs/records/byte-writer.ts'
import { writeRecord, writeRecordBatch } from '../src/kafkajs/records/record-batch.ts'
import { recordBytes, splitIntoSends } from '../src/publisher/sends.ts'
import { SeededRandom } from './seeded-random.ts'

const SEED = 20_261_125
const LATE = Number.MAX_SAFE_INTEGER

function randomRecord (random: SeededRandom): EventRecord {
  const content = () => random.pick([null, random.bytes(random.below(300)), random.text(random.below(300))])
  const header = () => random.text(random.below(200))
  return {
    topic: 't',
    key: content(),
    value: content(),
    headers: Object.fromEntries(Array.from({ length: random.below(8) }, () => [random.text(random.below(30)), random.pick([header(), [header(), header()], random.bytes(20)])]))
  }
}

t.test('no record takes more than is reckoned, and hardly less', async (t) => {
  const random = new SeededRandom(SEED)
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

t.test('every part fits, in the order given, and as many as fit are together', async (t) => {
  const random = new SeededRandom(SEED)
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

t.test('one that is too large is alone: whether it is, Kafka says', async (t) => {
  const record = (size: number): EventRecord => ({ topic: 't', key: null, value: 'x'.repeat(size), headers: {} })
  t.same(splitIntoSends([record(10), record(5_000), record(10), record(10)], 1_000).map((send) => send.length), [1, 1, 2])
  t.same(splitIntoSends([], 1_000), [])
})
