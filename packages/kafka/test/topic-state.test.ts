import { randomUUID } from 'node:crypto'
import { findTopic, type KafkaConnection } from '@orders/kafka'
import { testConnection, testTopic } from '@orders/testing/framework'
import t from 'tap'

t.test('a topic is there, or is not, or Kafka cannot be asked', async (t) => {
  const server = await testTopic(t)
  t.equal(await findTopic(server.connection, server.topic), 'found')
  const other = `missing-${randomUUID()}`
  t.equal(await findTopic(server.connection, other), 'missing')
  t.equal(await findTopic(server.connection, other), 'missing', 'asking does not create it')
  await t.rejects(findTopic(testConnection('127.0.0.1:1'), server.topic))
})

t.test('a topic that this client may not see', async (t) => {
  const admin = {
    connect: async () => {},
    disconnect: async () => {},
    fetchTopicMetadata: async () => { throw Object.assign(new Error('not authorized'), { type: 'TOPIC_AUTHORIZATION_FAILED' }) }
  }
  t.equal(await findTopic({ kafka: { admin: () => admin } } as unknown as KafkaConnection, 'topic'), 'forbidden')
})
