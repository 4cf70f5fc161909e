import { createAdmin, openPlainPublisher, runConsumer } from '@orders/kafka'
import { TcpProxy, testConnection, until } from '@orders/testing/framework'
import { Kafka } from '@orders/testing/servers'
import t from 'tap'

const FIND_COORDINATOR = 10
const COORDINATOR_NOT_AVAILABLE = 15
const TOPIC = 'orders'

t.test('a consumer waits forever for a coordinator of its group', async (t) => {
  const proxy = await TcpProxy.start()
  t.teardown(() => proxy.close())
  const broker = await Kafka.start({ advertise: proxy.address, progress: (line) => { t.comment(line) } })
  t.teardown(() => broker.close())
  proxy.forwardTo(broker.address)
  const connection = testConnection(proxy.address)
  const admin = await createAdmin(connection)
  await admin.ensureTopics([{ topic: TOPIC, partitions: 1 }]).finally(() => admin.close())
  const publisher = await openPlainPublisher(connection, { sendDeadlineMs: 8_000 })
  await publisher.publish([{ topic: TOPIC, key: 'a', value: 'a', headers: {} }]).finally(() => publisher.close())

  // A request is length, api key, version, correlation id; its answer is length, correlation id, throttle time, error.
  const asked = new Set<string>()
  proxy.filter((chunk, direction, link) => {
    if (chunk.length < 12) return 'forward'
    if (direction === 'toServer' && chunk.readInt16BE(4) === FIND_COORDINATOR) asked.add(`${link} ${chunk.readInt32BE(8)}`)
    if (direction === 'toClient' && asked.delete(`${link} ${chunk.readInt32BE(4)}`)) chunk.writeInt16BE(COORDINATOR_NOT_AVAILABLE, 12)
    return 'forward'
  })
  const applied: string[] = []
  const crashes: string[] = []
  const logger = connection.logger.child({})
  logger.warn = (({ event }: { event?: string }) => { if (event === 'consumer_crashed') crashes.push(event) }) as typeof logger.warn
  const consumer = runConsumer({
    connection: { ...connection, logger },
    groupId: 'group',
    topics: [TOPIC],
    handleBatch: async ({ records }) => { applied.push(...records.map(({ value }) => String(value))) },
    onFatal: (error) => { t.fail(`gave up: ${error.message}`) }
  })
  t.teardown(() => consumer.stop())
  await until(() => crashes.length > 0, { what: 'the consumer to find no coordinator', deadlineMs: 60_000 })
  t.same(applied, [])
  proxy.filter(() => 'forward')
  await until(() => applied.length > 0, { what: 'the consumer to go on', deadlineMs: 60_000 })
  t.same(applied, ['a'])
})
