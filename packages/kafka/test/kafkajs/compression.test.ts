import { randomBytes } from 'node:crypto'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { testTopic, until } from '@orders/testing/framework'
import t from 'tap'
import { decompress } from '../../src/kafkajs/codecs/decompress.ts'
import { consume, openAdmin, publish, valuesOf } from '../clients.ts'

/** Texts that compress well, that do not, and a mix. Most are larger than one block of any codec. */
const VALUES = ['a', '', 'ab'.repeat(60_000), randomBytes(60_000).toString('base64'), `${randomBytes(50_000).toString('hex')}${'x'.repeat(90_000)}`]

for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
  t.test(`records that Kafka compressed with ${codec} are read by runConsumer and by readTopic`, async (t) => {
    // The broker recompresses records to the topic's codec, with the same code as the Java client.
    const server = await testTopic(t, { partitions: 1, config: { 'compression.type': codec } })
    await publish(server, VALUES)
    const seen: string[] = []
    consume(t, server, async (batch) => { seen.push(...valuesOf(batch)) })
    await until(() => seen.length >= VALUES.length, { what: 'all records' })
    t.ok(seen.every((value, index) => value === VALUES[index]))
    const admin = await openAdmin(t, server)
    const stored = await admin.readTopic(server.topic)
    t.ok(stored.every(({ value, damage }, index) => String(value) === VALUES[index] && damage === undefined))
    t.equal(stored.length, VALUES.length)
  })
}

t.test('framings of other producers', async (t) => {
  const text = Buffer.from('hello hello hello hello')
  // Literals "hello ", then a copy of 17 bytes from 6 back.
  const block = Buffer.concat([Buffer.from([0x17, 5 << 2]), Buffer.from('hello '), Buffer.from([(16 << 2) | 2, 6, 0])])
  t.same(await decompress(2, block), text, 'snappy without a frame')
  const xerial = (...blocks: Buffer[]) => Buffer.concat([Buffer.from('\x82SNAPPY\0', 'latin1'), Buffer.from([0, 0, 0, 1, 0, 0, 0, 1]),
    ...blocks.flatMap((each) => [Buffer.from([0, 0, 0, each.length]), each])])
  t.same(await decompress(2, xerial(block, block)), Buffer.concat([text, text]))
  t.same(await decompress(2, Buffer.concat([xerial(block), xerial(block)])), Buffer.concat([text, text]), 'two streams in a row')

  const sequence = Buffer.concat([Buffer.from([0x60 | 9]), Buffer.from('hello '), Buffer.from([6, 0]), Buffer.from([0x40]), Buffer.from('ello')])
  const lz4 = Buffer.from('hello hello hello h' + 'ello')
  const frame = (flags: number, extra: number, blocks: Buffer[], tail = 0) => Buffer.concat([
    Buffer.from([0x04, 0x22, 0x4d, 0x18, flags, 0x40]), Buffer.alloc(extra), Buffer.from([0]),
    ...blocks.flatMap((each) => [Buffer.from([each.length, 0, 0, 0]), each]), Buffer.alloc(4), Buffer.alloc(tail)])
  t.same(await decompress(3, frame(0x60, 0, [sequence])), lz4)
  t.same(await decompress(3, frame(0x6c, 8, [sequence], 4)), lz4, 'with size and checksum of the content')
  const reachesBack = Buffer.concat([Buffer.from([0x00]), Buffer.from([6, 0]), Buffer.from([0x10]), Buffer.from('!')])
  t.same(await decompress(3, frame(0x40, 0, [sequence, reachesBack])), Buffer.concat([lz4, lz4.subarray(-6, -2), Buffer.from('!')]), 'a block that copies from the block before')
  await t.rejects(decompress(3, frame(0x60, 0, [sequence, reachesBack])), /distance/)
  const skipped = Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from('abc')])
  t.same(await decompress(3, Buffer.concat([skipped, frame(0x60, 0, [sequence]), frame(0x60, 0, [sequence])])), Buffer.concat([lz4, lz4]), 'several frames')
})

t.test('gzip and zstd of several frames are read whole, as the Java client reads them', async (t) => {
  const [hello, world] = [Buffer.from('hello '), Buffer.from('world '.repeat(50_000))]
  const whole = Buffer.concat([hello, world])
  const gzip = Buffer.concat([hello, world].map((each) => gzipSync(each)))
  t.same(await decompress(1, gzip), whole)
  for (const behind of ['\0\0\0\0', 'x', 'bytes of no member']) t.same(await decompress(1, Buffer.concat([gzip, Buffer.from(behind)])), whole, 'the broker accepts what follows')
  // Flags for an extra field, a name, a comment and a checksum of the header; then these four.
  const plain = gzipSync(world)
  const named = Buffer.concat([plain.subarray(0, 3), Buffer.from([0x1e]), plain.subarray(4, 10), Buffer.from([3, 0]), Buffer.from('abcname\0comment\0cc'), plain.subarray(10)])
  t.same(await decompress(1, named), world)

  const zstd = Buffer.concat([hello, world].map((each) => zstdCompressSync(each)))
  const skipped = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from('abc')])
  t.same(await decompress(4, zstd), whole)
  t.same(await decompress(4, Buffer.concat([skipped, zstd, skipped, zstd])), Buffer.concat([whole, whole]))
  t.same(await decompress(4, zstdCompressSync(Buffer.alloc(0))), Buffer.alloc(0))

  for (const [codec, bytes] of [[1, gzip], [4, zstd]] as const) {
    t.same(await decompress(codec, bytes, whole.length), whole)
    await t.rejects(decompress(codec, bytes, whole.length - 1), /at most/, 'the limit is of all frames together')
    await t.rejects(decompress(codec, bytes.subarray(0, -3)), { code: 'KAFKA_UNDECODABLE' }, 'the last one is truncated')
    await t.rejects(decompress(codec, Buffer.alloc(0)), { code: 'KAFKA_UNDECODABLE' })
    await t.rejects(decompress(codec, Buffer.from('neither')), { code: 'KAFKA_UNDECODABLE' })
  }
  const damaged = Buffer.from(plain)
  damaged[damaged.length - 8]! ^= 1
  await t.rejects(decompress(1, damaged), /checksum/)
})

t.test('truncated or changed input gives an error or other bytes, never more than the limit, and never hangs', async (t) => {
  const source = [
    Buffer.concat([Buffer.from([0x17, 5 << 2]), Buffer.from('hello '), Buffer.from([(16 << 2) | 2, 6, 0])]),
    Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0, 14, 0, 0, 0, 0x69, 104, 101, 108, 108, 111, 32, 6, 0, 0x40, 101, 108, 108, 111, 0, 0, 0, 0])
  ]
  for (const [index, whole] of source.entries()) {
    for (let at = 0; at < whole.length; at++) {
      await t.rejects(decompress(index + 2, whole.subarray(0, at), 100).then((bytes) => { if (bytes.length < 23) throw new Error('nothing') }))
      for (const value of [0, 0x7f, 0x80, 0xff]) {
        const other = Buffer.from(whole)
        other[at] = value
        const bytes = await decompress(index + 2, other, 100).catch(() => Buffer.alloc(0))
        t.ok(bytes.length <= 100)
      }
    }
  }
  // A few bytes that stand for gigabytes.
  await t.rejects(decompress(2, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])), /at most/)
  await t.rejects(decompress(3, Buffer.concat([source[1]!.subarray(0, 7), Buffer.from([8, 0, 0, 0, 0x1f, 1, 1, 0, 0xff, 0xff, 0xff, 0xff])]), 100))
})
