import {
  createAdmin, openPlainPublisher, openTransactionalPublisher, PublisherFencedError, PublishUncertainError, RecordRefusedError, TopicUnavailableError,
  type EventRecord, type KafkaConnection, type Position, type TransactionalPublisher
} from '@orders/kafka'
import { Kafka } from '@orders/testing/servers'
import { compareReaders, swallowKafkaAnswers, TcpProxy, testConnection, testTopic, until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { clientOf } from '../../src/kafkajs/client.ts'

const SEND_DEADLINE_MS = 8_000

const record = (topic: string, value: string, key = 'k'): EventRecord => ({ topic, key, value, headers: { n: value } })

/**
 * The values in the topic, once there are as many as expected: Kafka answers a commit before it has written the markers that
 * make the records visible.
 */
async function valuesIn (connection: KafkaConnection, topic: string, count: number): Promise<string[]> {
  const admin = await createAdmin(connection)
  return until(async () => {
    const records = await admin.readTopic(topic)
    if (records.length < count) throw new Error(`${records.length} records`)
    return records.map(({ value }) => String(value))
  }, { what: `${count} records in ${topic}` }).finally(() => admin.close())
}

async function open (t: Test, connection: KafkaConnection, topic: string, sendDeadlineMs = SEND_DEADLINE_MS): Promise<TransactionalPublisher> {
  const opening = () => openTransactionalPublisher(connection, {
    transactionalId: `tx-${topic}`, positionGroup: `position-${topic}`, positionTopic: topic, sendDeadlineMs, transactionTimeoutMs: 10_000
  })
  // With retries, as in the relay: a new broker knows no coordinator yet, and a coordinator may still be aborting.
  const publisher = await until(opening, { what: 'a publisher' })
  t.teardown(() => publisher.close())
  return publisher
}

/** A position whose token contains its number, so that a test can compare both. */
const at = (batch: bigint): Position => ({ batch, token: `name of ${batch}` })

/** The offset that a client reads that does not wait for open transactions. */
async function committedIn (connection: KafkaConnection, topic: string): Promise<string | undefined> {
  const admin = clientOf(connection).admin()
  await admin.connect()
  const fetched = admin.fetchOffsets({ groupId: `position-${topic}`, topics: [topic] })
  const [offsets] = await fetched.finally(() => admin.disconnect())
  return offsets?.partitions.find(({ partition }) => partition === 0)?.offset
}

t.test('plain: records arrive in order, with key, headers and value', async (t) => {
  const { connection, topic } = await testTopic(t, { partitions: 1 })
  const publisher = await openPlainPublisher(connection, { sendDeadlineMs: SEND_DEADLINE_MS })
  t.teardown(() => publisher.close())
  await publisher.publish([record(topic, 'a'), record(topic, 'b'), { topic, key: null, value: null, headers: {} }])
  const admin = await createAdmin(connection)
  const records = await admin.readTopic(topic).finally(() => admin.close())
  t.same(records.map(({ key, value, headers }) => [key, value?.toString(), headers.n?.toString()]), [
    ['k', 'a', 'a'], ['k', 'b', 'b'], [null, undefined, undefined]
  ])
})

t.test('records that exceed max.message.bytes together arrive in several batches, in order', async (t) => {
  const { connection, topic } = await testTopic(t, { partitions: 1, config: { 'max.message.bytes': '10000' } })
  const values = Array.from({ length: 40 }, (_, index) => `${index} `.padEnd(1_000, 'x'))
  const records = values.map((value) => record(topic, value))
  const limit = { sendDeadlineMs: SEND_DEADLINE_MS, maxSendBytes: 10_000 }
  const plain = await openPlainPublisher(connection, limit)
  await plain.publish(records).finally(() => plain.close())
  const transactional = await openTransactionalPublisher(connection, {
    ...limit, transactionalId: `tx-${topic}`, positionGroup: `position-${topic}`, positionTopic: topic, transactionTimeoutMs: 10_000
  })
  await transactional.publish(records, at(1n)).finally(() => transactional.close())
  t.same(await valuesIn(connection, topic, 80), [...values, ...values])
})

t.test('a refusal by Kafka is told apart from an unknown result', async (t) => {
  const { connection, topic } = await testTopic(t)
  const refusal = async (records: EventRecord[]) => {
    const publisher = await openPlainPublisher(connection, { sendDeadlineMs: SEND_DEADLINE_MS })
    return publisher.publish(records).catch((error: unknown) => error).finally(() => publisher.close())
  }
  const tooLarge = await refusal([record(topic, 'x'.repeat(2_000_000))])
  t.ok(tooLarge instanceof RecordRefusedError)
  t.match(tooLarge, { reason: 'MESSAGE_TOO_LARGE' })
  const missing = await refusal([record(topic, 'x'), record('no-such-topic', 'x')])
  t.ok(missing instanceof TopicUnavailableError)
  t.match(missing, { topics: [{ topic: 'no-such-topic', reason: 'UNKNOWN_TOPIC_OR_PARTITION', isPosition: false }] }, 'the missing one of two topics')
  const nowhere = await openPlainPublisher(testConnection('127.0.0.1:1'), { sendDeadlineMs: 2_000 }).catch((error: unknown) => error)
  t.ok(nowhere instanceof PublishUncertainError, String(nowhere))
})

t.test('transactional: records and position become visible together', async (t) => {
  const { connection, topic } = await testTopic(t)
  const publisher = await open(t, connection, topic)
  t.equal(await publisher.position(), undefined)
  await publisher.publish([record(topic, 'a'), record(topic, 'b', 'other')], at(1n))
  await publisher.publish([record(topic, 'c')], at(2n))
  t.same(await publisher.position(), at(2n))
  t.same((await valuesIn(connection, topic, 3)).sort(), ['a', 'b', 'c'])
})

t.test('transactional: the commit waits for mayCommit, and a rejection aborts', async (t) => {
  const { connection, topic } = await testTopic(t, { partitions: 1 })
  const publisher = await open(t, connection, topic)
  const permission = Promise.withResolvers<void>()
  const publishing = publisher.publish([record(topic, 'a')], at(1n), permission.promise)
  const written = Promise.withResolvers<void>()
  const consumer = clientOf(connection).consumer({ groupId: `uncommitted-${topic}`, readUncommitted: true, maxWaitTimeInMs: 100 })
  t.teardown(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async () => { written.resolve() } })
  await written.promise
  t.equal(await committedIn(connection, topic), '-1')
  permission.resolve()
  await publishing
  t.same(await publisher.position(), at(1n))

  const refusal = new Error('no longer the leader')
  await t.rejects(publisher.publish([record(topic, 'b')], at(2n), Promise.reject(refusal)), refusal)
  const successor = await open(t, connection, topic)
  t.same(await successor.position(), at(1n))
  t.same(await valuesIn(connection, topic, 1), ['a'])
})

t.test('Kafka\'s Java consumer reads the same records as ours: all committed ones, and none that were aborted', async (t) => {
  const { connection, topic, brokers } = await testTopic(t)
  const publisher = await open(t, connection, topic)
  await publisher.publish([record(topic, 'a'), record(topic, 'b', 'other'), { topic, key: 'é', value: 'ü'.repeat(5_000), headers: { x: 'ß', y: '' } }], at(1n))
  await t.rejects(publisher.publish([record(topic, 'aborted'), record(topic, 'aborted', 'other')], at(2n), Promise.reject(new Error('no longer the leader'))))
  const successor = await open(t, connection, topic)
  await successor.publish([record(topic, 'c')], at(2n))
  const plain = await openPlainPublisher(connection, { sendDeadlineMs: SEND_DEADLINE_MS })
  await plain.publish([{ topic, key: null, value: null, headers: {} }]).finally(() => plain.close())
  t.equal((await valuesIn(connection, topic, 5)).includes('aborted'), false)
  t.same(await compareReaders(connection, brokers, topic), { records: 5, differences: 0, first: [] })
})

t.test('transactional: records of consecutive transactions stay in order', async (t) => {
  const { connection, topic } = await testTopic(t, { partitions: 1 })
  const publisher = await open(t, connection, topic)
  const values = Array.from({ length: 30 }, (_, index) => String(index))
  for (const [index, value] of values.entries()) await publisher.publish([record(topic, value)], at(BigInt(index + 1)))
  t.same(await valuesIn(connection, topic, values.length), values)
  t.same(await publisher.position(), at(30n))
})

// The transactional ids take turns, so both have to be fenced.
for (const published of [1, 2]) {
  t.test(`a new publisher fences the one before, which can no longer commit (after ${published} transactions)`, async (t) => {
    const { connection, topic } = await testTopic(t, { partitions: 1 })
    const former = await open(t, connection, topic)
    const values = Array.from({ length: published }, (_, index) => `a${index}`)
    for (const [index, value] of values.entries()) await former.publish([record(topic, value)], at(BigInt(index + 1)))
    const successor = await open(t, connection, topic)
    t.same(await successor.position(), at(BigInt(published)))
    const error: unknown = await former.publish([record(topic, 'zombie')], at(3n)).catch((error: unknown) => error)
    t.ok(error instanceof PublisherFencedError, String(error))
    t.same(await successor.position(), at(BigInt(published)))
    await successor.publish([record(topic, 'b')], at(3n))
    t.same(await valuesIn(connection, topic, published + 1), [...values, 'b'])
  })
}

t.test('a refused record aborts its whole transaction', async (t) => {
  const { connection, topic } = await testTopic(t)
  const publisher = await open(t, connection, topic)
  t.match(await publisher.publish([record(topic, 'a', 'x'), record(topic, 'x'.repeat(2_000_000), 'y')], at(1n)).catch((error: unknown) => error),
    { code: 'KAFKA_RECORD_REFUSED', reason: 'MESSAGE_TOO_LARGE' })
  const successor = await open(t, connection, topic)
  t.equal(await successor.position(), undefined)
  await successor.publish([record(topic, 'b')], at(1n))
  t.same(await valuesIn(connection, topic, 1), ['b'])
})

// https://kafka.apache.org/protocol#protocol_api_keys
const PRODUCE = 0
for (const [name, apiKey, committed] of [['Produce', PRODUCE, false], ['TxnOffsetCommit', 28, false], ['EndTxn', 26, true]] as const) {
  t.test(`the answer to ${name} is lost: a new publisher finds out whether the batch was committed`, async (t) => {
    const { broker, proxy } = await brokerBehindProxy(t)
    const { connection, topic } = await testTopic(t, { server: broker })
    await until(async () => {
      await (await open(t, connection, topic)).publish([record(topic, 'before')], at(1n))
      return true
    }, { what: 'the first transaction of a new broker' })
    const publisher = await open(t, connection, topic, 3_000)

    let lost = false
    proxy.filter(swallowKafkaAnswers(apiKey, () => { lost = true }))
    const error: unknown = await publisher.publish([record(topic, 'in doubt')], at(2n)).catch((error: unknown) => error)
    t.ok(lost, 'the answer was lost')
    t.ok(error instanceof PublishUncertainError, String(error))
    proxy.filter(() => 'forward')

    const successor = await open(t, connection, topic)
    t.same(await successor.position(), at(committed ? 2n : 1n))
    await successor.publish([record(topic, 'after')], at(3n))
    t.same((await valuesIn(connection, topic, committed ? 3 : 2)).sort(), committed ? ['after', 'before', 'in doubt'] : ['after', 'before'])
  })
}

t.test('plain: after a lost answer a new publisher loses nothing', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const { connection, topic } = await testTopic(t, { server: broker, partitions: 1 })
  const publisher = await openPlainPublisher(connection, { sendDeadlineMs: 2_000 })
  await publisher.publish([record(topic, 'a')])
  proxy.filter(swallowKafkaAnswers(PRODUCE))
  t.ok(await publisher.publish([record(topic, 'b')]).catch((error: unknown) => error) instanceof PublishUncertainError)
  proxy.filter(() => 'forward')
  await publisher.close()
  const next = await openPlainPublisher(connection, { sendDeadlineMs: SEND_DEADLINE_MS })
  t.teardown(() => next.close())
  await next.publish([record(topic, 'b')])
  await next.publish([record(topic, 'c')])
  const values = await valuesIn(connection, topic, 3)
  t.same([...new Set(values)], ['a', 'b', 'c'])
})

t.test('plain: after its deadline it sends nothing more, which would arrive behind the next publisher\'s records', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const { connection, topic } = await testTopic(t, { server: broker, partitions: 1 })
  const publisher = await openPlainPublisher(connection, { sendDeadlineMs: 2_000, maxSendBytes: 1_500 })
  t.teardown(() => publisher.close())
  const [first, second] = ['1', '2'].map((digit) => record(topic, digit.repeat(1_000)))
  await publisher.publish([record(topic, 'a')])

  const release = Promise.withResolvers<'forward'>()
  const answered = Promise.withResolvers<undefined>()
  let requests = 0
  proxy.filter((chunk, direction) => {
    if (direction === 'toServer' && chunk.length > 6 && chunk.readInt16BE(4) === PRODUCE) requests++
    if (direction === 'toServer' || requests === 0) return 'forward'
    return release.promise.finally(() => { answered.resolve(undefined) })
  })
  t.ok(await publisher.publish([first, second] as EventRecord[]).catch((error: unknown) => error) instanceof PublishUncertainError)
  release.resolve('forward')
  await answered.promise
  t.same(await valuesIn(connection, topic, 2), ['a', first?.value])
  t.equal(requests, 1)
})

async function brokerBehindProxy (t: Test): Promise<{ broker: Kafka, proxy: TcpProxy }> {
  // The broker has to advertise the proxy's address, so the proxy starts first and gets its target afterwards.
  const proxy = await TcpProxy.start()
  t.teardown(() => proxy.close())
  const broker = await Kafka.start({ advertise: proxy.address })
  t.teardown(() => broker.close())
  proxy.forwardTo(broker.address)
  return { broker, proxy }
}

t.test('the position is read only after every transaction with it has ended', async (t) => {
  const { connection, topic } = await testTopic(t)
  const publisher = await open(t, connection, topic)
  await publisher.publish([record(topic, 'a')], at(1n))
  // As Kafka 3 does after InitProducerId: the transaction is decided, but the group coordinator does not know it yet.
  const other = clientOf(connection).producer({ transactionalId: `other-${topic}`, maxInFlightRequests: 1, idempotent: true })
  t.teardown(() => other.disconnect())
  await other.connect()
  const transaction = await other.transaction()
  await transaction.sendOffsets({
    consumerGroupId: `position-${topic}`, topics: [{ topic, partitions: [{ partition: 0, offset: '2', metadata: at(2n).token } as { partition: number, offset: string }] }]
  })
  let resolved = false
  const position = publisher.position().finally(() => { resolved = true })
  await until(async () => await committedIn(connection, topic) === '1', { what: 'the position before' })
  t.notOk(resolved)
  await transaction.commit()
  t.same(await position, at(2n))
})

t.test('the position is not read from a coordinator that accepts no write', async (t) => {
  const { broker, proxy } = await brokerBehindProxy(t)
  const { connection, topic } = await testTopic(t, { server: broker })
  const publisher = await open(t, connection, topic, 3_000)
  let asked = false
  const swallow = swallowKafkaAnswers(TXN_OFFSET_COMMIT)
  proxy.filter((chunk, direction, link) => {
    if (direction === 'toServer' && chunk.length > 6 && chunk.readInt16BE(4) === OFFSET_FETCH) asked = true
    return swallow(chunk, direction, link)
  })
  t.ok(await publisher.position().catch((error: unknown) => error) instanceof PublishUncertainError)
  t.notOk(asked)
  proxy.filter(() => 'forward')
  const successor = await open(t, connection, topic)
  t.equal(await successor.position(), undefined)
  proxy.filter(() => 'forward')
})

const TXN_OFFSET_COMMIT = 28
const OFFSET_FETCH = 9
