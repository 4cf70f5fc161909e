import '@orders/kafka'
import { Random } from '@orders/testing/framework/random'
import t from 'tap'
import { ByteWriter } from '../../src/kafkajs/records/byte-writer.ts'
import { crc32c } from '../../src/kafkajs/records/crc32c.ts'
import { kafkajsModule } from '../../src/kafkajs/module.ts'
import { createKeyPartitioner, murmur2 } from '../../src/kafkajs/partitioner.ts'
import { encodeProduceRequest, type CreateProduceRequest, type Encoded } from '../../src/kafkajs/patches/produce-request.ts'
import type { CreateRequest } from '../../src/kafkajs/patches/request-header.ts'
import { writeRecord, type RecordToWrite } from '../../src/kafkajs/records/record-batch.ts'
import { below, oneOf, randomBytes, randomText } from '../random-content.ts'
import { originalModule } from './original-module.ts'

const SEED = 20_260_401

type EncodeRecord = (record: RecordToWrite & { offsetDelta: number, timestampDelta: number }) => Encoded

const originalRecord = kafkajsModule<EncodeRecord>('protocol/recordBatch/record/v0', 'records/record-batch.ts')
const originalCrc = kafkajsModule<(bytes: Buffer) => number>('protocol/recordBatch/crc32C', 'records/crc32c.ts')
const originalMurmur2 = kafkajsModule<(key: Buffer | string) => number>('producer/partitioners/default/murmur2', 'partitioner.ts')
const originalPartitioner = kafkajsModule<typeof createKeyPartitioner>('producer/partitioners/default', 'partitioner.ts')

t.test('a record is encoded to the same bytes as by kafkajs', async (t) => {
  const random = new Random(SEED)
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

t.test('a produce request is encoded to the same bytes as by kafkajs', async (t) => {
  const random = new Random(SEED)
  const original = originalModule<CreateProduceRequest>('protocol/requests/produce/v3/request')
  const now = Date.now()
  t.intercept(Date, 'now', { value: () => now })
  for (let count = 0; count < 150; count++) {
    const options = {
      acks: -1,
      timeout: below(random, 60_000),
      transactionalId: oneOf(random, [undefined, null, 'relay-0', 'Zähler-1']),
      producerId: oneOf(random, ['-1', '7', '9007199254740993']),
      producerEpoch: below(random, 32_767),
      topicData: Array.from({ length: 1 + below(random, 3) }, (_, topic) => ({
        topic: `topic-${topic}`,
        partitions: Array.from({ length: 1 + below(random, 4) }, (_, partition) => ({
          partition,
          firstSequence: below(random, 2_147_483_647),
          messages: Array.from({ length: 1 + below(random, 20) }, () => randomRecord(random))
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

t.test('kafkajs uses our encoder, but not for compressed requests', async (t) => {
  const request = kafkajsModule<CreateProduceRequest>('protocol/requests/produce/v7/request', 'patches/produce-request.ts')
  const message = { key: 'key', value: Buffer.alloc(10_000) }
  const options = { acks: -1, timeout: 1_000, topicData: [{ topic: 'topic', partitions: [{ partition: 0, messages: [message] }] }] }
  const encoded = await request(options).encode()
  t.notOk('writeInt32' in encoded, 'not an encoder of kafkajs')
  const compressed = await request({ ...options, compression: 1 }).encode()
  t.ok(compressed.buffer.length < encoded.buffer.length / 2, `${compressed.buffer.length} bytes compressed, ${encoded.buffer.length} not`)
})

t.test('a request with its header has the same bytes as by kafkajs, for client ids of any length', async (t) => {
  const createRequest = kafkajsModule<CreateRequest>('protocol/request', 'patches/request-header.ts')
  const original = originalModule<CreateRequest>('protocol/request')
  t.not(original, createRequest, 'kafkajs uses our module')
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
  t.ok(ours.buffer.equals(theirs.buffer), 'a request other than Produce')
})

t.test('the checksum equals kafkajs\'s, for every length and start', async (t) => {
  const random = new Random(SEED)
  const bytes = randomBytes(random, 300)
  for (let start = 0; start < 9; start++) {
    for (let end = start; end < bytes.length; end++) {
      if (crc32c(bytes, start, end) !== originalCrc(bytes.subarray(start, end))) t.fail(`bytes ${start} to ${end}`)
    }
  }
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283, 'the check value of the standard')
})

t.test('a key goes to the same partition as by kafkajs', async (t) => {
  const random = new Random(SEED)
  const theirs = originalPartitioner()
  const ours = createKeyPartitioner()
  const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({ partitionId, leader: 1 })) as never
  for (let count = 0; count < 2_000; count++) {
    const key = oneOf(random, [() => randomText(random, 40), () => randomBytes(random, below(random, 50)), () => randomText(random, 2_000)])()
    if (murmur2(key) !== originalMurmur2(key)) t.fail(`hash of ${JSON.stringify(key)}`)
    const args = { topic: 'topic', partitionMetadata, message: { key, value: null } }
    if (ours(args) !== theirs(args)) t.fail(`partition of ${JSON.stringify(key)}`)
  }
  t.equal(ours({ topic: 'topic', partitionMetadata, message: { value: null, partition: 5 } }), 5, 'an explicit partition is kept')
  const without = Array.from({ length: 24 }, () => ours({ topic: 'topic', partitionMetadata, message: { value: null } }))
  t.equal(new Set(without).size, 12, 'records without a key go to all partitions')
})

function randomRecord (random: Random): RecordToWrite {
  const text = () => randomText(random, oneOf(random, [0, 5, 48, 49, 63, 64, 70, 130, 300]))
  const content = oneOf(random, [() => null, () => '', text, text, text, text, text, text, text, text, () => randomBytes(random, below(random, 200)), () => randomText(random, 9_000)])
  const header = oneOf(random, [text, text, () => randomBytes(random, below(random, 100)), () => [text(), randomBytes(random, 3), text()], () => []])
  const record: RecordToWrite = { key: oneOf(random, [content, text, () => undefined as never])(), value: content() }
  if (below(random, 4) > 0) record.headers = Object.fromEntries(Array.from({ length: below(random, 9) }, () => [text(), header()]))
  if (below(random, 5) === 0) record.timestamp = String(below(random, 2 ** 41))
  return record
}

function randomDelta (random: Random, bits: number): number {
  const size = 2 ** below(random, bits)
  return (below(random, 2) === 0 ? -1 : 1) * (size - 1 + below(random, 2))
}
