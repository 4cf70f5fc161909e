import { randomUUID } from 'node:crypto'
import { createTopicProbe, findTopic, openPlainPublisher, PublishUncertainError, TopicUnavailableError, type EventRecord } from '@orders/kafka'
import { securedKafka, testConnection, testTopic, until } from '@orders/testing/framework'
import { pino } from 'pino'
import t from 'tap'
import { toConnection } from '../../src/kafkajs/client.ts'
import type { Kafka } from '../../src/kafkajs/index.ts'
import type { WithFailures } from '../../src/kafkajs/patches/named-failures.ts'

const DEADLINE_MS = 5_000

t.test('topics that exist, are missing, or have an invalid name are reported one by one', async (t) => {
  const { connection, topic } = await testTopic(t)
  const probe = createTopicProbe(connection, { deadlineMs: DEADLINE_MS })
  t.teardown(() => probe.close())
  t.same(await probe.look([topic]), [{ topic, writeProblem: undefined, readProblem: undefined }])
  const found = await probe.look([topic, 'no-such-topic', '..'])
  t.same(Object.fromEntries(found.map(({ topic, writeProblem }) => [topic, writeProblem])), {
    [topic]: undefined, 'no-such-topic': 'UNKNOWN_TOPIC_OR_PARTITION', '..': 'INVALID_TOPIC_EXCEPTION'
  })
})

t.test('an unreachable Kafka is an error, not the state of a topic', async (t) => {
  const probe = createTopicProbe(testConnection('127.0.0.1:1'), { deadlineMs: DEADLINE_MS })
  t.teardown(() => probe.close())
  t.ok(await probe.look(['any']).catch((error: unknown) => error) instanceof PublishUncertainError)
})

t.test('a topic that this client may describe but not write to', async (t) => {
  const { admin, connection, topics: [open = '', readOnly = '', hidden = ''] } = await securedKafka(t, {
    topics: ['open', 'read-only', 'hidden'], grants: [['open', 'Write'], ['read-only', 'Read']]
  })
  const probe = createTopicProbe(connection, { deadlineMs: DEADLINE_MS })
  t.teardown(() => probe.close())
  const problems = async () => new Map((await probe.look([open, readOnly, hidden])).map(({ topic, writeProblem, readProblem }) => [topic, { writeProblem, readProblem }]))
  const forbidden = 'TOPIC_AUTHORIZATION_FAILED'
  t.same(await problems(), new Map([
    [open, { writeProblem: undefined, readProblem: forbidden }],
    [readOnly, { writeProblem: forbidden, readProblem: undefined }],
    [hidden, { writeProblem: forbidden, readProblem: forbidden }]
  ]))

  const publisher = await openPlainPublisher(connection, { sendDeadlineMs: DEADLINE_MS })
  t.teardown(() => publisher.close())
  const record = (topic: string): EventRecord => ({ topic, key: 'k', value: 'v', headers: {} })
  const refused: unknown = await publisher.publish([record(open), record(readOnly)]).catch((error: unknown) => error)
  t.ok(refused instanceof TopicUnavailableError, 'the answer to a produce request names it too')
  t.match(refused, { topics: [{ topic: readOnly, reason: forbidden }] })

  await admin.grant(readOnly, 'Write')
  await until(async () => (await problems()).get(readOnly)?.writeProblem === undefined, { what: 'the permission to write' })
})

t.test('findTopic: a topic is found or missing, or Kafka cannot be reached', async (t) => {
  const server = await testTopic(t)
  t.equal(await findTopic(server.connection, server.topic), 'found')
  const other = `missing-${randomUUID()}`
  t.equal(await findTopic(server.connection, other), 'missing')
  t.equal(await findTopic(server.connection, other), 'missing', 'asking does not create it')
  await t.rejects(findTopic(testConnection('127.0.0.1:1'), server.topic))
})

t.test('findTopic: a topic that this client may not describe', async (t) => {
  const refused: WithFailures = {
    failures: [{ request: 'Metadata', topic: 'topic', code: 29 }],
    answer: { topicMetadata: [{ topic: 'topic', topicErrorCode: 29, partitionMetadata: [] }] }
  }
  const admin = {
    connect: async () => {},
    disconnect: async () => {},
    fetchTopicMetadata: async () => { throw Object.assign(new Error('not authorized'), refused) }
  }
  const connection = toConnection({ admin: () => admin } as unknown as Kafka, pino({ level: 'silent' }))
  t.equal(await findTopic(connection, 'topic'), 'forbidden')
})
