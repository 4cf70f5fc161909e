import { randomUUID } from 'node:crypto'
import { createAdmin } from '@orders/kafka'
import { Kafka } from '@orders/testing/servers'
import { testTopic, until } from '@orders/testing/framework'
import t from 'tap'
import { clientOf } from '../../src/kafkajs/client.ts'
import { consume, numbered, openAdmin, publish, valuesOf } from '../clients.ts'

t.test('a failed batch is retried, no record is skipped, and then offsets are committed', async (t) => {
  const server = await testTopic(t)
  const values = numbered(50)
  await publish(server, values)
  const seen: string[] = []
  let failures = 0
  const consumer = consume(t, server, async (batch) => {
    if (failures++ < 3) throw new Error('not yet')
    seen.push(...valuesOf(batch))
  })
  await until(() => seen.length >= 50, { what: 'all records' })
  t.same([...seen].sort(), [...values].sort())
  consumer.health.assertAlive()
  consumer.health.assertJoined()
  await consumer.stop()

  const again: string[] = []
  consume(t, server, async (batch) => { again.push(...valuesOf(batch)) })
  await publish(server, ['new'])
  await until(() => again.length > 0, { what: 'the new record' })
  t.same(again, ['new'], 'committed records are not read again')
})

t.test('a fetch is handled in parts with a commit each, so a failure repeats only its own part', async (t) => {
  const server = await testTopic(t, { partitions: 1 })
  await publish(server, numbered(35))
  const admin = await openAdmin(t, server)
  const calls: string[][] = []
  let committedBefore: bigint | undefined
  const consumer = consume(t, server, async (batch) => {
    calls.push(valuesOf(batch))
    if (calls.length !== 3) return
    committedBefore = (await admin.committedOffsets(`group-${server.topic}`, server.topic)).get(0)
    throw new Error('not yet')
  }, { maxBatchRecords: 10 })
  await until(() => calls.length === 5, { what: 'all parts' })
  await consumer.stop()
  const values = numbered(35)
  t.same(calls, [values.slice(0, 10), values.slice(10, 20), values.slice(20, 30), values.slice(20, 30), values.slice(30)])
  t.equal(committedBefore, 20n, 'the two parts before are committed, and nothing of the part in hand')
})

t.test('records of an aborted transaction are skipped, and the group shows no lag behind its marker', async (t) => {
  const server = await testTopic(t, { partitions: 1 })
  const producer = clientOf(server.connection).producer({ transactionalId: server.topic, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  t.teardown(() => producer.disconnect())
  const transact = async (value: string, outcome: 'commit' | 'abort') => {
    const transaction = await producer.transaction()
    await transaction.send({ topic: server.topic, messages: [{ value }] })
    await transaction[outcome]()
  }
  const seen: string[] = []
  consume(t, server, async (batch) => { seen.push(...valuesOf(batch)) })
  const admin = await openAdmin(t, server)
  const committed = (offset: bigint) => until(async () => (await admin.committedOffsets(`group-${server.topic}`, server.topic)).get(0) === offset, {
    what: `offset ${offset} to be committed`
  })
  // Each transaction writes a record and a marker.
  await transact('committed', 'commit')
  await committed(2n)
  await transact('lost', 'abort')
  await committed(4n)
  await transact('last', 'commit')
  await committed(6n)
  t.same(seen, ['committed', 'last'])
})

t.test('a topic may be created after the consumer', async (t) => {
  const server = await testTopic(t)
  const admin = await createAdmin(server.connection)
  const later = { ...server, topic: `later-${randomUUID()}` }
  t.teardown(async () => {
    await admin.deleteTopics([later.topic])
    await admin.close()
  })
  const seen: string[] = []
  let failures = 0
  const { logger } = server.connection
  const warn = ({ event }: { event?: string }) => { if (event === 'subscribe_failed') failures++ }
  consume(t, { ...later, connection: { ...server.connection, logger: Object.assign(Object.create(logger) as typeof logger, { warn }) } },
    async (batch) => { seen.push(...valuesOf(batch)) })
  await until(() => failures > 0, { what: 'the consumer to find the topic missing' })
  await admin.ensureTopics([{ topic: later.topic, partitions: 1 }])
  await publish(later, ['a'])
  await until(() => seen.includes('a'), { what: 'the record of the new topic' })
})

t.test('an error from which kafkajs does not recover is fatal', async (t) => {
  const server = await testTopic(t)
  let fatal: Error | undefined
  // The broker allows half an hour at most, and refuses more.
  consume(t, server, async () => {}, { sessionTimeoutMs: 2_000_000, onFatal: (error) => { fatal = error } })
  const error = await until(() => fatal, { what: 'the refusal' })
  t.match(error.message, /session timeout/i)
})

t.test('the consumer survives a restart of the broker', async (t) => {
  const broker = await Kafka.start()
  t.teardown(() => broker.close())
  const server = await testTopic(t, { server: broker })
  const seen: string[] = []
  const consumer = consume(t, server, async (batch) => { seen.push(...valuesOf(batch)) })
  await until(async () => { await publish(server, ['before']); return true }, { what: 'the broker to take records' })
  await until(() => seen.includes('before'), { what: 'the record from before' })
  broker.kill('SIGKILL')
  await broker.exited()
  consumer.health.assertJoined()
  await broker.start()
  await until(async () => { await publish(server, ['after']); return true }, { what: 'the broker to take records again', deadlineMs: 60_000 })
  await until(() => seen.includes('after'), { what: 'the record from after', deadlineMs: 60_000 })
  consumer.health.assertAlive()
})
