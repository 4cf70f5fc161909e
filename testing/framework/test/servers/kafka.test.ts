import { createAdmin, openPlainPublisher } from '@orders/kafka'
import { Kafka } from '../../../servers/index.ts'
import { TcpProxy, testConnection, testTopic, until } from '../../index.ts'
import t, { type Test } from 'tap'
import { isListening } from './fixtures/own-process.ts'

const SEND_DEADLINE_MS = 8_000

async function publish (brokers: string, topic: string, value: string): Promise<void> {
  const publisher = await openPlainPublisher(testConnection(brokers), { sendDeadlineMs: SEND_DEADLINE_MS })
  await publisher.publish([{ topic, key: 'k', value, headers: {} }]).finally(() => publisher.close())
}

async function valuesIn (brokers: string, topic: string): Promise<string[]> {
  const admin = await createAdmin(testConnection(brokers))
  return admin.readTopic(topic).then((records) => records.map(({ value }) => String(value))).finally(() => admin.close())
}

/** Behind a proxy, which clients are told is the broker. */
async function startBehindProxy (t: Test): Promise<Kafka> {
  const proxy = await TcpProxy.start()
  t.teardown(() => proxy.close())
  const server = await Kafka.start({ advertise: proxy.address })
  t.teardown(() => server.close())
  proxy.forwardTo(server.address)
  t.equal(server.brokers, proxy.address)
  return server
}

// That it also comes back after SIGKILL is shown where it matters: test/faults/kafka-outage.test.ts.
t.test('starts again on the same data and port; clients come through what it advertises', async (t) => {
  const server = await startBehindProxy(t)
  const { topic } = await testTopic(t, { server, partitions: 1 })
  await publish(server.brokers, topic, 'first')
  const { pid } = server
  await server.stop()
  t.notOk(await isListening(`kafka://${server.address}`))
  await server.start()
  t.not(server.pid, pid)
  // Started, it may not know yet that it leads the partition.
  await until(async () => { await publish(server.brokers, topic, 'second'); return true }, { what: 'the partition to be led again' })
  t.same([...new Set(await valuesIn(server.brokers, topic))], ['first', 'second'])
})
