import { startService } from '@orders/testing/framework'
import { ConfigError } from '@orders/service-kit'
import t from 'tap'
import { loadConsumerConfig } from '../src/config.ts'

const ENOUGH = { DATABASE_URL: 'postgres://u@h/d', KAFKA_BROKERS: 'kafka-1:9092,kafka-2:9093' }

t.test('the defaults', async (t) => {
  t.match(loadConsumerConfig(ENOUGH), {
    CONSUMER_TOPIC: 'order-events', CONSUMER_DEAD_LETTER_TOPIC: 'order-events.dlq', CONSUMER_GROUP: 'order-group', CONSUMER_BATCH_EVENTS: 500
  })
})

t.test('malformed values are refused, with the setting', async (t) => {
  const malformed: Record<string, string[]> = {
    DATABASE_URL: ['mysql://h/d', ''],
    KAFKA_BROKERS: ['', 'kafka', 'kafka:', ':9092', 'kafka:0', 'kafka:65536', 'kafka:9092,', 'kafka:9092 , other:9092', 'plaintext://kafka:9092', '[::1]:9092'],
    KAFKA_SASL_MECHANISM: ['SCRAM-SHA-512', 'gssapi'],
    CONSUMER_TOPIC: ['order events', 'ä', '.', '..', 'x'.repeat(250)],
    CONSUMER_DEAD_LETTER_TOPIC: ['a/b', '..'],
    CONSUMER_GROUP: [' ', 'a ', 'a\nb', 'x'.repeat(201)],
    CONSUMER_SESSION_TIMEOUT_MS: ['5999', '1e4', '6000.5', '300001', '10s'],
    CONSUMER_BATCH_EVENTS: ['0', '-1', '10001'],
    CONSUMER_POISON_ATTEMPTS: ['0'],
    CONSUMER_INBOX_RETENTION_HOURS: ['0', 'never'],
    CONSUMER_BATCH_EVENT: ['10'],
    OPS_PORT: ['65536'],
    LOG_LEVEL: ['verbose'],
    SHUTDOWN_DEADLINE_MS: ['0']
  }
  for (const [name, values] of Object.entries(malformed)) {
    for (const value of values) {
      const refused = await Promise.resolve({ ...ENOUGH, [name]: value }).then(loadConsumerConfig).catch((error: unknown) => error)
      t.ok(refused instanceof ConfigError && refused.problems.length === 1 && refused.problems[0]?.startsWith(`${name}:`) === true, `${name}=${value}`)
    }
  }
})

t.test('the dead-letter topic must not be the topic itself, which would be read forever', async (t) => {
  t.throws(() => loadConsumerConfig({ ...ENOUGH, CONSUMER_TOPIC: 'a', CONSUMER_DEAD_LETTER_TOPIC: 'a' }), /CONSUMER_DEAD_LETTER_TOPIC: expected another topic than CONSUMER_TOPIC/)
})

t.test('a process with invalid settings ends before it connects to anything', async (t) => {
  for (const [env, expected] of [
    [{ CONSUMER_GROOP: 'x' }, /CONSUMER_GROOP: there is no such setting, did you mean CONSUMER_GROUP\?/],
    [{ KAFKA_SSL_CA_FILE: '/no/such/file' }, /KAFKA_SSL_CA_FILE/]
  ] as const) {
    const service = await startService(t, 'order-consumer', { ...ENOUGH, ...env }, { waitUntilListening: false })
    t.equal(await service.exited(), 1)
    t.match(service.logs.map((line) => JSON.stringify(line)).join('\n'), expected)
    t.notOk(service.logs.some(({ event }) => event === 'listening'))
  }
})
