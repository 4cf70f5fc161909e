import { randomUUID } from 'node:crypto'
import { createTopicProbe, openPlainPublisher, PublishUncertainError, TopicUnavailableError, type EventRecord } from '@orders/kafka'
import { securedKafka, testConnection, testTopic, until } from '@orders/testing/framework'
import t from 'tap'

const DEADLINE_MS = 5_000

t.test('topics that exist, are missing, or have an invalid name are reported one by one', async (t) => {
  const { connection, topic } = await testTopic(t)
  const probe = createTopicProbe(connection, { deadlineMs: DEADLINE_MS })
  t.teardown(() => probe.close())
  t.same(await probe.look([topic]), [{ topic, writeProblem: undefined, readProblem: undefined }])
  const missing = `missing-${randomUUID()}`
  for (const when of ['at first', 'again: asking does not create it']) {
    const found = await probe.look([topic, missing, '..'])
    t.same(Object.fromEntries(found.map(({ topic, writeProblem }) => [topic, writeProblem])), {
      [topic]: undefined, [missing]: 'UNKNOWN_TOPIC_OR_PARTITION', '..': 'INVALID_TOPIC_EXCEPTION'
    }, when)
  }
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
