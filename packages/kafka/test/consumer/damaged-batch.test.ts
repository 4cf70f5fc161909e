import { openPlainPublisher } from '@orders/kafka'
import { Kafka } from '@orders/testing/servers'
import { TcpProxy, testTopic, until } from '@orders/testing/framework'
import t from 'tap'
import { consume, openAdmin } from '../clients.ts'

t.test('a batch damaged in transit is neither handled nor skipped; other partitions go on, and it is read once it arrives intact', async (t) => {
  const link = await TcpProxy.start()
  t.teardown(() => link.close())
  const broker = await Kafka.start({ advertise: link.address })
  t.teardown(() => broker.close())
  link.forwardTo(broker.address)
  const server = await testTopic(t, { partitions: 2, server: { brokers: link.address } })
  const send = async (partition: number, value: string) => {
    const publisher = await openPlainPublisher(server.connection, { sendDeadlineMs: 20_000 })
    await publisher.publish([{ topic: server.topic, partition, key: 'k', value, headers: {} }]).finally(() => publisher.close())
  }
  await send(0, 'before')
  await send(0, 'victim')
  link.filter((chunk, direction) => {
    const at = direction === 'toClient' ? chunk.indexOf('victim') : -1
    if (at >= 0) chunk.write('wictim', at)
    return 'forward'
  })
  const seen: string[] = []
  const consumer = consume(t, server, async ({ partition, records }) => { seen.push(...records.map(({ value }) => `${partition} ${String(value)}`)) })
  await until(() => consumer.health.unreadablePartitions === 1, { what: 'the damage to be found', deadlineMs: 60_000 })
  await send(0, 'after')
  await send(1, 'other')
  await until(() => seen.includes('1 other'), { what: 'the other partition to go on', deadlineMs: 60_000 })
  t.same([...seen].sort(), ['0 before', '1 other'])
  const admin = await openAdmin(t, server)
  t.equal((await admin.committedOffsets(`group-${server.topic}`, server.topic)).get(0), 1n)
  await t.rejects(admin.readTopic(server.topic), { code: 'KAFKA_UNDECODABLE', message: /checksum/ })

  link.heal()
  await until(() => seen.includes('0 after'), { what: 'the batch to be read', deadlineMs: 60_000 })
  t.same(seen.filter((each) => each.startsWith('0')), ['0 before', '0 victim', '0 after'])
  t.equal(consumer.health.unreadablePartitions, 0)
})
