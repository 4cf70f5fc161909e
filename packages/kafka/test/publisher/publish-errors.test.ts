import '@orders/kafka'
import t from 'tap'
import { kindOf, knownCodes, nameOf, type CodeKind } from '../../src/error-codes.ts'
import { kafkajsModule } from '../../src/kafkajs/module.ts'
import type { Failure } from '../../src/kafkajs/patches/named-failures.ts'
import { PublisherFencedError, PublishUncertainError, RecordRefusedError, TopicUnavailableError, toPublishError } from '../../src/publisher/publish-errors.ts'

const NEWEST_CODE = 133

/** An error as kafkajs throws it: the error of the answer, wrapped. */
function thrown (...failures: Failure[]): Error {
  const [first] = failures
  const answer = Object.assign(new Error('from the broker'), { type: 'ANY', code: first?.code, failures })
  return Object.assign(new Error('retries exceeded'), { cause: answer })
}

const failure = (code: number, request: Failure['request'] = 'Produce', topic = 'orders'): Failure => ({ request, topic, code })

t.test('every code of Kafka has a kind, and few are about a record', async (t) => {
  t.same(knownCodes(), [-1, ...Array.from({ length: NEWEST_CODE }, (_, index) => index + 1)])
  const ofKind = (kind: CodeKind) => knownCodes().filter((code) => kindOf(code) === kind).map(nameOf)
  t.same(ofKind('record'), ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD'])
  t.same(ofKind('topic'), ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'TOPIC_AUTHORIZATION_FAILED', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'POLICY_VIOLATION'])
  t.same(ofKind('fenced'), ['INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING', 'PRODUCER_FENCED'])
})

t.test('each code, as the answer to a produce request, becomes the error of its kind', async (t) => {
  const classes = { record: RecordRefusedError, topic: TopicUnavailableError, fenced: PublisherFencedError, uncertain: PublishUncertainError }
  for (const code of [...knownCodes(), NEWEST_CODE + 1, 32_000]) {
    const kind = kindOf(code)
    t.ok(toPublishError(thrown(failure(code))) instanceof classes[kind], `${nameOf(code)} is ${kind}`)
  }
})

t.test('only the answer to Produce can refuse a record', async (t) => {
  for (const request of ['Metadata', 'AddPartitionsToTxn', 'TxnOffsetCommit'] as const) {
    for (const code of knownCodes()) t.notOk(toPublishError(thrown(failure(code, request))) instanceof RecordRefusedError, `${request}: ${nameOf(code)}`)
  }
  t.ok(toPublishError(Object.assign(new Error('from the broker'), { type: 'MESSAGE_TOO_LARGE', code: 10 })) instanceof PublishUncertainError)
})

t.test('a refused timestamp is reported with this machine\'s clock', async (t) => {
  const error = toPublishError(thrown(failure(32)))
  t.match(error, { code: 'KAFKA_PUBLISH_UNCERTAIN', reason: 'INVALID_TIMESTAMP', message: /this machine's clock: \d{4}-\d\d-\d\dT/ })
})

t.test('of several failures, fencing comes first; otherwise every topic is named', async (t) => {
  t.ok(toPublishError(thrown(failure(10), failure(47))) instanceof PublisherFencedError)
  const error = toPublishError(thrown(failure(10), failure(3, 'Produce', 'one'), failure(29, 'TxnOffsetCommit', 'two'), failure(6, 'Produce', 'three')))
  t.match(error, {
    code: 'KAFKA_TOPIC_UNAVAILABLE',
    message: /topic one: UNKNOWN_TOPIC_OR_PARTITION, topic two: TOPIC_AUTHORIZATION_FAILED/,
    topics: [
      { topic: 'one', reason: 'UNKNOWN_TOPIC_OR_PARTITION', isPosition: false },
      { topic: 'two', reason: 'TOPIC_AUTHORIZATION_FAILED', isPosition: true }
    ]
  })
})

t.test('a code that is newer than kafkajs has its name', async (t) => {
  const { createErrorFromCode } = kafkajsModule<{ createErrorFromCode: (code: number) => Error }>('protocol/error', 'patches/named-failures.ts')
  t.match(createErrorFromCode(90), { type: 'PRODUCER_FENCED', code: 90 })
  t.match(createErrorFromCode(3), { type: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true }, 'and the others are unchanged')
})
