import '@orders/kafka'
import { createRequire } from 'node:module'
import t from 'tap'
import { knownCodes, nameOf, verdictOf, type CodeVerdict } from '../src/error-codes.ts'
import type { Failure } from '../src/kafkajs/patches/named-failures.ts'
import { PublisherFencedError, PublishUncertainError, RecordRefusedError, TopicUnavailableError, toPublishError } from '../src/publisher/publish-errors.ts'

const NEWEST_CODE = 133

/** As kafkajs throws it: the answer's error, wrapped. */
function thrown (...failures: Failure[]): Error {
  const [first] = failures
  const answer = Object.assign(new Error('from the broker'), { type: 'ANY', code: first?.code, failures })
  return Object.assign(new Error('retries exceeded'), { cause: answer })
}

const failure = (code: number, request: Failure['request'] = 'Produce', topic = 'orders'): Failure => ({ request, topic, code })

t.test('every code of Kafka is judged, and few say anything of a record', async (t) => {
  t.same(knownCodes(), [-1, ...Array.from({ length: NEWEST_CODE }, (_, index) => index + 1)])
  const judged = (verdict: CodeVerdict) => knownCodes().filter((code) => verdictOf(code) === verdict).map(nameOf)
  t.same(judged('record'), ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD'])
  t.same(judged('topic'), ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION', 'TOPIC_AUTHORIZATION_FAILED', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'POLICY_VIOLATION'])
  t.same(judged('fenced'), ['INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING', 'PRODUCER_FENCED'])
})

t.test('each code, as the answer to a produce request, becomes what it was judged to be', async (t) => {
  const kinds = { record: RecordRefusedError, topic: TopicUnavailableError, fenced: PublisherFencedError, uncertain: PublishUncertainError }
  for (const code of [...knownCodes(), NEWEST_CODE + 1, 32_000]) {
    const verdict = verdictOf(code)
    t.ok(toPublishError(thrown(failure(code))) instanceof kinds[verdict], `${nameOf(code)} is ${verdict}`)
  }
})

t.test('no other request than Produce says anything of a record', async (t) => {
  for (const request of ['Metadata', 'AddPartitionsToTxn', 'TxnOffsetCommit'] as const) {
    for (const code of knownCodes()) t.notOk(toPublishError(thrown(failure(code, request))) instanceof RecordRefusedError, `${request}: ${nameOf(code)}`)
  }
  t.ok(toPublishError(Object.assign(new Error('from the broker'), { type: 'MESSAGE_TOO_LARGE', code: 10 })) instanceof PublishUncertainError)
})

t.test('a clock that is wrong is named, with what it says', async (t) => {
  const error = toPublishError(thrown(failure(32)))
  t.match(error, { code: 'KAFKA_PUBLISH_UNCERTAIN', reason: 'INVALID_TIMESTAMP', message: /this machine's clock: \d{4}-\d\d-\d\dT/ })
})

t.test('of several failures the one that ends the term comes first, and every topic is named', async (t) => {
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

t.test('a code that is newer than kafkajs keeps its name', async (t) => {
  const { createErrorFromCode } = createRequire(import.meta.url)('kafkajs/src/protocol/error') as { createErrorFromCode: (code: number) => Error }
  t.match(createErrorFromCode(90), { type: 'PRODUCER_FENCED', code: 90 })
  t.match(createErrorFromCode(3), { type: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true }, 'and the others are as they were')
})
