import { randomBytes } from 'node:crypto'
import { createAdmin, createKafka, type KafkaConnection } from '@orders/kafka'
import { pino } from 'pino'
import { testKafka, type TestContext } from './servers.ts'

export interface TestTopic {
  topic: string
  brokers: string
  connection: KafkaConnection
}

/** A connection for a test; logs nothing. */
export function testConnection (brokers: string): KafkaConnection {
  return createKafka({ KAFKA_BROKERS: brokers }, { clientId: 'test', logger: pino({ level: 'silent' }) })
}

/** A topic of this test's own, deleted afterwards. */
export async function testTopic (
  t: TestContext, { partitions = 3, server, config }: { partitions?: number, server?: { brokers: string }, config?: Record<string, string> } = {}
): Promise<TestTopic> {
  const { brokers } = server ?? await testKafka(t)
  const connection = testConnection(brokers)
  const topic = `test-${randomBytes(6).toString('hex')}`
  const admin = await createAdmin(connection)
  await admin.ensureTopics([{ topic, partitions, ...(config === undefined ? {} : { config }) }]).finally(() => admin.close())
  t.teardown(async () => {
    const admin = await createAdmin(connection).catch(() => undefined)
    await admin?.deleteTopics([topic]).catch(() => {})
    await admin?.close().catch(() => {})
  })
  return { topic, brokers, connection }
}
