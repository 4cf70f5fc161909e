import { createRequire } from 'node:module'
import '@orders/kafka'
import t from 'tap'
import { ByteWriter } from '../src/kafkajs/records/byte-writer.ts'
import { crc32c } from '../src/kafkajs/records/crc32c.ts'
import { kafkajsModule } from '../src/kafkajs/module.ts'
import { murmur2 } from '../src/kafkajs/murmur2.ts'
import { createKeyPartitioner } from '../src/kafkajs/partitioner.ts'
import { encodeProduceRequest, type CreateProduceRequest, type Encoded } from '../src/kafkajs/patches/produce-request.ts'
import type { CreateRequest } from '../src/kafkajs/patches/request-header.ts'
import { writeRecord, type RecordToWrite } from '../src/kafkajs/records/record-batch.ts'
import { SeededRandom } from './seeded-random.ts'

const require = createRequire(import.meta.url)
const SEED = 20_260_401

type EncodeRecord = (record: RecordToWrite & { offsetDelta: number, timestampDelta: number }) => Encoded

const originalRecord = kafkajsModule<EncodeRecord>('protocol/recordBatch/record/v0', 'record-batch.ts')
const originalCrc = kafkajsModule<(bytes: Buffer) => number>('protocol/recordBatch/crc32C', 'crc32c.ts')
const originalMurmur2 = kafkajsModule<(key: Buffer | string) => number>('producer/partitioners/default/murmur2', 'murmur2.ts')
const originalPartitioner = kafkajsModule<typeof createKeyPartitioner>('producer/partitioners/default', 'partitioner.ts')

/** Loaded again: in the cache is ours. */
function originalProduceRequest (): CreateProduceRequest {
  const path = require.resolve('kafkajs/src/protocol/requests/produce/v3/request')
  const cached = require.cache[path]
  delete require.cache[path]
  const original = require(path) as CreateProduceRequest
  require.cache[path] = cached
  return original
}

t.test('a record has the bytes that kafkajs gives it', async (t) => {
  const random = new SeededRandom(SEED)
  for (let count = 0; count < 5_000; count++) {
    const record = { ...randomRecord(random), offsetDelta: randomDelta(random, 31), timestampDelta: randomDelta(random, 52) }
    const writer = new ByteWriter(16)
    writeRecord(writer, record, record.offsetDelta, record.timestampDelta)
    const expected = originalRecord(record).buffer
    if (!writer.buffer.equals(expected)) {
      t.fail(`record ${count} of seed ${SEED}`, { record, found: writer.buffer.toString('hex'), wanted: expected.toString('hex') })
      return
    }
  }
  t.pass('5,000 records')
})

t.test('a request has the bytes that kafkajs gives it', async (t) => {
  const random = new SeededRandom(SEED)
  const original = originalProduceRequest()
  const now = Date.now()
  t.intercept(Date, 'now', { value: () => now })
  for (let count = 0; count < 150; count++) {
    const options = {
      acks: -1,
      timeout: random.below(60_000),
      transactionalId: random.pick([undefined, null, 'relay-0', 'Zähler-1']),
      producerId: random.pick(['-1', '7', '9007199254740993']),
      producerEpoch: random.below(32_767),
      topicData: Array.from({ length: 1 + random.below(3) }, (_, topic) => ({
        topic: `topic-${topic}`,
        partitions: Array.from({ length: 1 + random.below(4) }, (_, partition) => ({
          partition,
          firstSequence: random.below(2_147_483_647),
          messages: Array.from({ length: 1 + random.below(20) }, () => randomRecord(random))
        }))
      }))
    }
    const expected = (await original(options as never).encode()).buffer
    if (!encodeProduceRequest(options as never).buffer.equals(expected)) {
      t.fail(`request ${count} of seed ${SEED} has other bytes`)
      return
    }
  }
  t.pass('150 requests')
})

t.test('kafkajs itself uses it, but not for what is compressed', async (t) => {
  const request = kafkajsModule<CreateProduceRequest>('protocol/requests/produce/v7/request', 'produce-request-patch.ts')
  const message = { key: 'key', value: Buffer.alloc(10_000) }
  const options = { acks: -1, timeout: 1_000, topicData: [{ topic: 'topic', partitions: [{ partition: 0, messages: [message] }] }] }
  const encoded = await request(options).encode()
  t.notOk('writeInt32' in encoded, 'not one of kafkajs\'s encoders')
  const compressed = await request({ ...options, compression: 1 }).encode()
  t.ok(compressed.buffer.length < encoded.buffer.length / 2, `${compressed.buffer.length} bytes compressed, ${encoded.buffer.length} not`)
})

t.test('a whole request has the bytes that kafkajs gives it, whatever the client id', async (t) => {
  const createRequest = kafkajsModule<CreateRequest>('protocol/request', 'request-header-patch.ts')
  const path = require.resolve('kafkajs/src/protocol/request')
  t.equal(require(path), createRequest, 'kafkajs itself uses ours')
  const cached = require.cache[path]
  delete require.cache[path]
  const original = require(path) as CreateRequest
  require.cache[path] = cached
  const now = Date.now()
  t.intercept(Date, 'now', { value: () => now })
  const message = { key: 'key', value: 'x'.repeat(1_000), headers: { name: 'value' } }
  const options = { acks: -1, timeout: 1_000, topicData: [{ topic: 'topic', partitions: [{ partition: 0, messages: [message] }] }] }
  for (const clientId of ['', 'relay', 'Zähler-1', 'x'.repeat(242), 'x'.repeat(243), 'x'.repeat(1_000)]) {
    const request = { apiKey: 0, apiVersion: 7, encode: async () => encodeProduceRequest(options) }
    const [ours, theirs] = [await createRequest({ correlationId: 77, clientId, request }), await original({ correlationId: 77, clientId, request })]
    t.ok(ours.buffer.equals(theirs.buffer), `a client id of ${clientId.length} characters`)
  }
  const plain = { apiKey: 3, apiVersion: 1, encode: async () => originalRecord({ ...message, offsetDelta: 0, timestampDelta: 0 }) }
  const [ours, theirs] = [await createRequest({ correlationId: 1, clientId: 'a', request: plain }), await original({ correlationId: 1, clientId: 'a', request: plain })]
  t.ok(ours.buffer.equals(theirs.buffer), 'another request')
})

t.test('the check sum is the one of kafkajs, for every length and beginning', async (t) => {
  const random = new SeededRandom(SEED)
  const bytes = random.bytes(300)
  for (let start = 0; start < 9; start++) {
    for (let end = start; end < bytes.length; end++) {
      if (crc32c(bytes, start, end) !== originalCrc(bytes.subarray(start, end))) t.fail(`bytes ${start} to ${end}`)
    }
  }
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283, 'the check value of the standard')
})

t.test('a key goes to the partition that kafkajs chooses', async (t) => {
  const random = new SeededRandom(SEED)
  const theirs = originalPartitioner()
  const ours = createKeyPartitioner()
  const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({ partitionId, leader: 1 })) as never
  for (let count = 0; count < 2_000; count++) {
    const key = random.pick([() => random.text(40), () => random.bytes(random.below(50)), () => random.text(2_000)])()
    if (murmur2(key) !== originalMurmur2(key)) t.fail(`hash of ${JSON.stringify(key)}`)
    const args = { topic: 'topic', partitionMetadata, message: { key, value: null } }
    if (ours(args) !== theirs(args)) t.fail(`partition of ${JSON.stringify(key)}`)
  }
  t.equal(ours({ topic: 'topic', partitionMetadata, message: { value: null, partition: 5 } }), 5, 'chosen by hand')
  const without = Array.from({ length: 24 }, () => ours({ topic: 'topic', partitionMetadata, message: { value: null } }))
  t.equal(new Set(without).size, 12, 'records without a key go everywhere')
})

function randomRecord (random: SeededRandom): RecordToWrite {
  const text = () => random.text(random.pick([0, 5, 48, 49, 63, 64, 70, 130, 300]))
  const content = random.pick([() => null, () => '', text, text, text, text, text, text, text, text, () => random.bytes(random.below(200)), () => random.text(9_000)])
  const header = random.pick([text, text, () => random.bytes(random.below(100)), () => [text(), random.bytes(3), text()], () => []])
  const record: RecordToWrite = { key: random.pick([content, text, () => undefined as never])(), value: content() }
  if (random.below(4) > 0) record.headers = Object.fromEntries(Array.from({ length: random.below(9) }, () => [text(), header()]))
  if (random.below(5) === 0) record.timestamp = String(random.below(2 ** 41))
  return record
}

function randomDelta (random: SeededRandom, bits: number): number {
  const size = 2 ** random.below(bits)
  return (random.below(2) === 0 ? -1 : 1) * (size - 1 + random.below(2))
}
