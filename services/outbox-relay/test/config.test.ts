import { startService } from '@orders/testing/framework'
import t from 'tap'
import { loadRelayConfig } from '../src/config.ts'

const NEEDED = { DATABASE_URL: 'postgres://relay@127.0.0.1:1/orders', KAFKA_BROKERS: '127.0.0.1:1' }

const CONTRADICTIONS: Array<[settings: Record<string, string>, problem: RegExp]> = [
  [{ RELAY_RENEW_DEADLINE_MS: '15000' }, /RELAY_RENEW_DEADLINE_MS \(15000\) below RELAY_LEASE_DURATION_MS \(15000\)/],
  [{ RELAY_RETRY_PERIOD_MS: '9000' }, /1.2 times RELAY_RETRY_PERIOD_MS \(9000\) below RELAY_RENEW_DEADLINE_MS \(10000\)/],
  [{ RELAY_SEND_DEADLINE_MS: '9500', RELAY_RENEW_DEADLINE_MS: '9500' }, /RELAY_SEND_DEADLINE_MS \(9500\) below RELAY_RENEW_DEADLINE_MS \(9500\)/],
  [{ RELAY_SEND_DEADLINE_MS: '9000', RELAY_TRANSACTION_TIMEOUT_MS: '9000' }, /RELAY_SEND_DEADLINE_MS \(9000\) below RELAY_TRANSACTION_TIMEOUT_MS \(9000\)/],
  [{ RELAY_BACKOFF_MIN_MS: '5000' }, /RELAY_BACKOFF_MIN_MS \(5000\) below RELAY_BACKOFF_MAX_MS \(5000\)/],
  [{ RELAY_LEASE_DURATION_MS: '15500' }, /RELAY_LEASE_DURATION_MS: expected whole seconds.*15500 ms/],
  [{ RELAY_TOPICS: 'invoice' }, /RELAY_TOPICS: expected aggregateType=topic pairs.*"invoice"/],
  [{ RELAY_TOPICS: 'invoice=no topic' }, /RELAY_TOPICS: .*"invoice=no topic"/],
  [{ RELAY_TOPICS: 'invoice=..' }, /RELAY_TOPICS: .*"invoice=.."/],
  [{ RELAY_TOPICS: 'invoice=one,invoice=two' }, /RELAY_TOPICS: expected one topic for each aggregate type, found "invoice" twice/],
  [{ RELAY_DEFAULT_TOPIC: '.' }, /RELAY_DEFAULT_TOPIC: expected the name of a topic, found "\."/],
  [{ RELAY_TOPIC_GRACE_MS: '-1' }, /RELAY_TOPIC_GRACE_MS: must be >= 0/],
  [{ RELAY_SENDDEADLINE_MS: '1000' }, /RELAY_SENDDEADLINE_MS: there is no such setting, did you mean RELAY_SEND_DEADLINE_MS\?/],
  [{ RELAY_BATCH_EVENTS: '0' }, /RELAY_BATCH_EVENTS: must be >= 1, found 0/],
  [{ RELAY_IDENTITY: ' ' }, /RELAY_IDENTITY: must match pattern/],
  [{ RELAY_SOURCE: 'two words' }, /RELAY_SOURCE: must match format "uri-reference"/],
  [{ RELAY_SOURCE: ' ' }, /RELAY_SOURCE: must match format "uri-reference"/],
  [{ RELAY_DELIVERY: 'at-most-once' }, /RELAY_DELIVERY: must be one of exactly-once, at-least-once/]
]

for (const [settings, problem] of CONTRADICTIONS) {
  t.test(`${JSON.stringify(settings)} is refused`, async (t) => {
    t.throws(() => loadRelayConfig({ ...NEEDED, ...settings }), { code: 'CONFIG_INVALID', message: problem })
  })
}

t.test('settings that contradict a lease are accepted without a lease', async (t) => {
  t.equal(loadRelayConfig({ ...NEEDED, RELAY_LEASE: 'none', RELAY_SEND_DEADLINE_MS: '12000', RELAY_TRANSACTION_TIMEOUT_MS: '13000' }).RELAY_SEND_DEADLINE_MS, 12_000)
})

t.test('a relay with wrong settings names all of them, and does not start', async (t) => {
  const service = await startService(t, 'outbox-relay', { ...NEEDED, RELAY_RENEW_DEADLINE_MS: '20000', RELAY_TOPICS: '=' }, { waitUntilListening: false })
  t.equal(await service.exited(), 1)
  const output = service.logs.map(({ msg }) => msg).join('\n')
  t.match(output, /RELAY_RENEW_DEADLINE_MS/)
  t.match(output, /RELAY_TOPICS/)
})
