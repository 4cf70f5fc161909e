import { createAdmin, createKafka } from '@orders/kafka'
import { until } from '@orders/testing/framework'
import { pino } from 'pino'
import t from 'tap'
import { LogLimit } from '../../src/kafkajs/log.ts'

t.test('the same line is logged once in 30 seconds', async (t) => {
  let now = 0
  const limit = new LogLimit(() => now)
  t.same([limit.allows('a'), limit.allows('a'), limit.allows('b')], [true, false, true])
  now = 29_999
  t.equal(limit.allows('a'), false)
  now = 30_000
  t.equal(limit.allows('a'), true)
  t.equal(limit.allows('a'), false)
})

t.test('lines that all differ do not fill the memory', async (t) => {
  const limit = new LogLimit(() => 0)
  for (let line = 0; line < 10_000; line++) limit.allows(String(line))
  t.equal(limit.allows('9999'), false)
  t.equal(limit.allows('0'), true, 'the first lines were dropped')
})

t.test('in an outage each line of kafkajs is logged once, and none as an error', async (t) => {
  const lines: Array<{ level: number, msg: string, kafkajs?: string }> = []
  const logger = pino({ level: 'warn' }, { write: (line: string) => { lines.push(JSON.parse(line) as typeof lines[number]) } })
  const connection = createKafka({ KAFKA_BROKERS: '127.0.0.1:1' }, { clientId: 'test', logger })
  let attempts = 0
  await until(async () => {
    attempts++
    await t.rejects(createAdmin(connection))
    return attempts >= 3
  }, { what: 'three failed connects' })
  t.ok(lines.length > 0, 'the outage is logged')
  t.equal(new Set(lines.map(({ kafkajs, msg }) => `${String(kafkajs)} ${msg}`)).size, lines.length, 'once')
  t.same(lines.filter(({ level }) => level > 40), [])
})

t.test('a password without TLS is logged as a warning', async (t) => {
  const lines: string[] = []
  const logger = pino({}, { write: (line: string) => { lines.push(line) } })
  createKafka({ KAFKA_BROKERS: 'kafka:9092', KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'secret' }, { clientId: 'test', logger })
  t.match(lines.join(), /password_unprotected/)
  t.notMatch(lines.join(), /secret/)
})
