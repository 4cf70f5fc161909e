import { randomBytes } from 'node:crypto'
import { createAdmin, createKafka, type KafkaAdmin, type KafkaConnection } from '@orders/kafka'
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

/** Lends an admin client, and closes it afterwards. */
export async function withAdmin<T> (connection: KafkaConnection, work: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  const admin = await createAdmin(connection)
  try {
    return await work(admin)
  } finally {
    await admin.close()
  }
}

/** A topic of this test's own, deleted afterwards. */
export async function testTopic (
  t: TestContext, { partitions = 3, server, config }: { partitions?: number, server?: { brokers: string }, config?: Record<string, string> } = {}
): Promise<TestTopic> {
  const { brokers } = server ?? await testKafka(t)
  const connection = testConnection(brokers)
  const topic = `test-${randomBytes(6).toString('hex')}`
  await withAdmin(connection, (admin) => admin.ensureTopics([{ topic, partitions, ...(config === undefined ? {} : { config }) }]))
  // A test may have stopped the brokers for good.
  t.teardown(() => withAdmin(connection, (admin) => admin.deleteTopics([topic])).catch(() => {}))
  return { topic, brokers, connection }
}
