import { createAdmin, openPlainPublisher, openTransactionalPublisher } from '@orders/kafka'
import { KafkaCluster } from '../../../servers/index.ts'
import { compareReaders, ReaderComparison, testConnection, testKafka, testTopic, until } from '../../index.ts'
import t from 'tap'

t.test('three brokers: acknowledged records are there while one of them is down, and both readers see them', async (t) => {
  const cluster = await KafkaCluster.start({ brokers: 3 })
  t.teardown(() => cluster.close())
  const { topic } = await testTopic(t, { server: cluster, partitions: 3 })
  const connection = testConnection(cluster.brokers)
  const publish = async (value: string) => {
    const publisher = await openTransactionalPublisher(connection, {
      transactionalId: `tx-${topic}`, positionGroup: `position-${topic}`, positionTopic: topic, sendDeadlineMs: 8_000, transactionTimeoutMs: 10_000
    })
    await publisher.publish([1, 2, 3].map((key) => ({ topic, key: String(key), value, headers: { n: value } })), { batch: 1n, token: 'one' }).finally(() => publisher.close())
  }
  await publish('before')
  cluster.node(2).kill('SIGKILL')
  await cluster.node(2).exited()
  await until(async () => { await publish('meanwhile'); return true }, { what: 'the others to go on', deadlineMs: 60_000 })
  await cluster.node(2).start()
  const admin = await createAdmin(connection)
  t.teardown(() => admin.close())
  t.same((await admin.describePartitions([topic])).map(({ replicas }) => replicas.length), [3, 3, 3])
  const values = (await admin.readTopic(topic)).map(({ value }) => String(value))
  t.equal(values.filter((value) => value === 'before').length, 3)
  t.ok(values.includes('meanwhile'))
  t.match(await compareReaders(connection, cluster.brokers, topic), { records: values.length, differences: 0, first: [] })
})

t.test('a difference between the readers is found, whichever of them it is', async (t) => {
  const { brokers } = await testKafka(t)
  const { topic, connection } = await testTopic(t, { server: { brokers }, partitions: 1 })
  const publisher = await openPlainPublisher(connection, { sendDeadlineMs: 8_000 })
  await publisher.publish([
    { topic, key: 'a', value: 'one', headers: { x: '1', y: '2' } }, { topic, key: null, value: null, headers: {} }, { topic, key: 'c', value: 'three', headers: {} }
  ]).finally(() => publisher.close())
  t.same(await compareReaders(connection, brokers, topic), { records: 3, differences: 0, first: [] })
  const admin = await createAdmin(connection)
  t.teardown(() => admin.close())
  const [first, second] = await admin.readTopic(topic)
  if (first === undefined || second === undefined) throw new Error('expected three records')
  const comparison = new ReaderComparison()
  comparison.add({ ...first, headers: { x: '1', y: '3' } })
  comparison.add(second)
  comparison.add({ ...second, partition: 0, offset: 5n })
  t.same(await comparison.withJava({ brokers, topic, ends: new Map([[0, 3n]]) }), {
    records: 3,
    differences: 2,
    first: [`${topic}, partition 0, offset 0: the readers differ in its key, its headers or its value`, `${topic}, partition 0, offset 2: only the Java consumer reads it`]
  })
})
