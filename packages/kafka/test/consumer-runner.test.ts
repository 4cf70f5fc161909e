import { openPlainPublisher, openTransactionalPublisher, runConsumer, type ConsumedBatch, type ConsumerOptions } from '@orders/kafka'
import { Kafka } from '@orders/local-stack'
import { testTopic, until, type TestTopic } from '@orders/local-stack/harness'
import t, { type Test } from 'tap'

async function publish ({ connection, topic }: TestTopic, values: string[]): Promise<void> {
  const publisher = await openPlainPublisher(connection, { sendDeadlineMs: 8_000 })
  await publisher.publish(values.map((value) => ({ topic, key: value, value, headers: {} }))).finally(() => publisher.close())
}

async function consume (t: Test, { connection, topic }: TestTopic, handleBatch: ConsumerOptions['handleBatch'], groupId = `group-${topic}`) {
  const consumer = await runConsumer({
    connection, groupId, topics: [topic], sessionTimeoutMs: 6_000, minRetryDelayMs: 5, handleBatch, onFatal: (error) => { t.fail(error.message) }
  })
  t.teardown(() => consumer.stop())
  return consumer
}

const valuesOf = ({ records }: ConsumedBatch) => records.map(({ value }) => String(value))

t.test('a batch that failed is given again, with none skipped; then offsets are committed', async (t) => {
  const server = await testTopic(t)
  const values = Array.from({ length: 50 }, (_, index) => `v${index}`)
  await publish(server, values)
  const seen: string[] = []
  let failures = 0
  const consumer = await consume(t, server, async (batch) => {
    if (failures++ < 3) throw new Error('not yet')
    seen.push(...valuesOf(batch))
  })
  await until(() => seen.length >= 50, { what: 'all records' })
  t.same([...seen].sort(), [...values].sort())
  consumer.health.assertAlive()
  consumer.health.assertJoined()
  await consumer.stop()

  const again: string[] = []
  await consume(t, server, async (batch) => { again.push(...valuesOf(batch)) })
  await publish(server, ['new'])
  await until(() => again.length > 0, { what: 'the new record' })
  t.same(again, ['new'], 'what was committed is not read again')
})

t.test('records of an aborted or open transaction are not seen', async (t) => {
  const server = await testTopic(t, { partitions: 1 })
  const open = () => openTransactionalPublisher(server.connection, {
    transactionalId: server.topic, positionGroup: `p-${server.topic}`, positionTopic: server.topic, sendDeadlineMs: 8_000, transactionTimeoutMs: 10_000
  })
  const first = await open()
  await first.publish([{ topic: server.topic, key: 'k', value: 'committed', headers: {} }], 1n)
  await first.publish([{ topic: server.topic, key: 'k', value: 'lost', headers: {} }, { topic: 'no-such-topic', key: 'k', value: '', headers: {} }], 2n).catch(() => {})
  const second = await open()
  await second.publish([{ topic: server.topic, key: 'k', value: 'last', headers: {} }], 2n)
  const seen: string[] = []
  await consume(t, server, async (batch) => { seen.push(...valuesOf(batch)) })
  await until(() => seen.includes('last'), { what: 'the last record' })
  t.same(seen, ['committed', 'last'])
  await first.close()
  await second.close()
})

t.test('it survives a restart of the broker', async (t) => {
  const broker = await Kafka.start()
  t.teardown(() => broker.close())
  const server = await testTopic(t, { server: broker })
  const seen: string[] = []
  await consume(t, server, async (batch) => { seen.push(...valuesOf(batch)) })
  await publish(server, ['before'])
  await until(() => seen.includes('before'), { what: 'the record from before' })
  broker.kill('SIGKILL')
  await broker.exited()
  await broker.start()
  await until(async () => { await publish(server, ['after']); return true }, { what: 'the broker to take records again', deadlineMs: 60_000 })
  await until(() => seen.includes('after'), { what: 'the record from after', deadlineMs: 60_000 })
})

t.test('of two members each has a part, and the other\'s after it left', async (t) => {
  const server = await testTopic(t)
  const seen = { a: new Set<number>(), b: new Set<number>() }
  const a = await consume(t, server, async ({ partition }) => { seen.a.add(partition) }, 'both')
  await consume(t, server, async ({ partition }) => { seen.b.add(partition) }, 'both')
  const values = Array.from({ length: 60 }, (_, index) => `v${index}`)
  await until(async () => {
    await publish(server, values)
    return seen.a.size > 0 && seen.b.size > 0
  }, { what: 'both to have a part' })
  await a.stop()
  seen.b.clear()
  await until(async () => {
    await publish(server, values)
    return seen.b.size === 3
  }, { what: 'the other one to have all' })
})
