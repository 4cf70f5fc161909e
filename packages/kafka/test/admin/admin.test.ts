import { randomUUID } from 'node:crypto'
import { DeadlineExceededError, openPlainPublisher } from '@orders/kafka'
import { testTopic, until } from '@orders/testing/framework'
import t from 'tap'
import { clientOf } from '../../src/kafkajs/client.ts'
import { consume, numbered, openAdmin, publish } from '../clients.ts'

t.test('readTopic: every record of every partition, in the order of offsets; none of an empty topic', async (t) => {
  const server = await testTopic(t)
  const admin = await openAdmin(t, server)
  t.same(await admin.readTopic(server.topic), [])
  const publisher = await openPlainPublisher(server.connection, { sendDeadlineMs: 8_000 })
  t.teardown(() => publisher.close())
  for (let round = 0; round < 12; round++) {
    await publisher.publish([0, 2].map((partition) => ({ topic: server.topic, partition, key: `k${partition}`, value: `${partition}-${round}`, headers: {} })))
  }
  const records = await admin.readTopic(server.topic)
  t.same(records.map(({ partition, offset, value }) => [partition, Number(offset), String(value)]),
    [0, 2].flatMap((partition) => Array.from({ length: 12 }, (_, round) => [partition, round, `${partition}-${round}`])))
})

t.test('readTopic: up to the first open transaction, without aborted ones', async (t) => {
  const server = await testTopic(t, { partitions: 1 })
  const admin = await openAdmin(t, server)
  const producer = clientOf(server.connection).producer({ transactionalId: server.topic, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  t.teardown(() => producer.disconnect())
  await publish(server, ['before'])
  const transaction = await producer.transaction()
  await transaction.send({ topic: server.topic, messages: [{ value: 'open' }] })
  await publish(server, ['behind it'])
  const values = async () => (await admin.readTopic(server.topic)).map(({ value }) => String(value))
  t.same(await values(), ['before'])
  t.equal((await admin.endOffsets(server.topic)).get(0), 1n)
  await transaction.abort()
  await until(async () => (await admin.endOffsets(server.topic)).get(0) === 4n, { what: 'the marker' })
  t.same(await values(), ['before', 'behind it'])

  const committed = await producer.transaction()
  await committed.send({ topic: server.topic, messages: [{ value: 'in a transaction' }] })
  await committed.commit()
  await until(async () => (await admin.endOffsets(server.topic)).get(0) === 6n, { what: 'its marker' })
  t.same((await admin.readTopic(server.topic)).map(({ transactional }) => transactional), [false, false, true], 'and which records were written in one')
})

t.test('readTopic: gives up at its deadline', async (t) => {
  const server = await testTopic(t, { partitions: 1 })
  const admin = await openAdmin(t, server)
  await publish(server, ['a'])
  await t.rejects(admin.readTopic(server.topic, { deadlineMs: 0 }), DeadlineExceededError)
})

t.test('topics are created once; groups without members can be deleted, and groups that never existed too', async (t) => {
  const server = await testTopic(t)
  const admin = await openAdmin(t, server)
  const topic = `made-${randomUUID()}`
  const wanted = [{ topic, partitions: 2, config: { 'max.message.bytes': '5000' } }]
  await admin.ensureTopics(wanted)
  await admin.ensureTopics(wanted)
  t.ok((await admin.listTopics()).includes(topic))
  await until(async () => (await admin.endOffsets(topic)).size === 2, { what: 'both partitions' })
  await admin.deleteTopics([topic])
  await until(async () => !(await admin.listTopics()).includes(topic), { what: 'the topic to be gone' })

  const groupId = `group-${server.topic}`
  const consumer = consume(t, server, async () => {})
  await until(async () => await admin.countMembers(groupId) === 1, { what: 'the member' })
  await t.rejects(admin.deleteGroups([groupId, 'never-was']))
  await consumer.stop()
  await admin.deleteGroups([groupId, 'never-was'])
  t.equal(await admin.countMembers(groupId), 0)
})

t.test('offsets: those that a group has committed, and the end of the topic', async (t) => {
  const server = await testTopic(t, { partitions: 2 })
  const admin = await openAdmin(t, server)
  // A new broker may answer the first question about groups with an error: it coordinates none yet.
  t.same([...await until(() => admin.committedOffsets(`group-${server.topic}`, server.topic), { what: 'a coordinator' })], [])
  await publish(server, numbered(20))
  const ends = await admin.endOffsets(server.topic)
  t.equal([...ends.values()].reduce((sum, end) => sum + end, 0n), 20n)
  consume(t, server, async () => {})
  await until(async () => {
    const committed = await admin.committedOffsets(`group-${server.topic}`, server.topic)
    return [...ends].every(([partition, end]) => committed.get(partition) === end)
  }, { what: 'the group to commit everything' })
})

t.test('followTopic: the records from the beginning, and those published later', async (t) => {
  const server = await testTopic(t, { partitions: 1 })
  const admin = await openAdmin(t, server)
  await publish(server, ['a'])
  const seen: string[] = []
  const follower = await admin.followTopic(server.topic, (records) => { seen.push(...records.map(({ value }) => String(value))) })
  t.teardown(() => follower.close())
  await until(() => seen.length === 1, { what: 'the first record' })
  await publish(server, ['b'])
  await until(() => seen.length === 2, { what: 'the later record' })
  t.same(seen, ['a', 'b'])
})
