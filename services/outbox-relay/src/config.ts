import { kafkaSettings } from '@orders/kafka'
import { loadConfig, logSettings, opsSettings, postgresSettings, shutdownSettings } from '@orders/service-kit'
import { Type, type Static } from 'typebox'

export const settings = Type.Object({
  ...postgresSettings,
  ...kafkaSettings,
  ...opsSettings,
  ...logSettings,
  ...shutdownSettings,
  RELAY_NAME: Type.String({
    default: 'outbox-relay',
    pattern: '^[a-zA-Z0-9._-]{1,200}$',
    description: 'Name that all replicas of one relay share: transactional id and position group are this name and the shard. Two relays on one Kafka need two names.'
  }),
  RELAY_IDENTITY: Type.Optional(Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'Name of this replica in logs and in relay_shard; the host name if not set.'
  })),
  RELAY_DELIVERY: Type.Enum(['exactly-once', 'at-least-once'], {
    default: 'exactly-once',
    description: '`exactly-once` publishes in Kafka transactions, for readers that read committed records; `at-least-once` has lower latency and may publish an event twice after a failure.'
  }),
  RELAY_TOPICS: Type.String({
    default: '',
    description: 'Topics by aggregate type, as `aggregateType=topic` pairs separated by commas.'
  }),
  RELAY_DEFAULT_TOPIC: Type.String({
    default: 'order-events',
    pattern: '^[a-zA-Z0-9._-]{1,249}$',
    description: 'Topic of every aggregate type that RELAY_TOPICS does not name. Must exist.'
  }),
  RELAY_SOURCE: Type.String({
    default: '/orders',
    minLength: 1,
    description: 'The CloudEvents `source` of every event.'
  }),
  RELAY_BATCH_EVENTS: Type.Integer({
    default: 1_000, minimum: 1, maximum: 10_000, description: 'Events in one batch, at most.'
  }),
  RELAY_BATCH_BYTES: Type.Integer({
    default: 1_048_576, minimum: 1_024, maximum: 104_857_600, description: 'Bytes of payload and headers in one batch, at most; a single larger event is a batch of its own.'
  }),
  RELAY_MAX_RECORD_BYTES: Type.Integer({
    default: 1_048_576,
    minimum: 1_024,
    maximum: 104_857_600,
    description: 'An event larger than this becomes a dead letter without being offered to Kafka. Not less than the topic\'s max.message.bytes.'
  }),
  RELAY_REFUSED: Type.Enum(['block', 'skip'], {
    default: 'block',
    description: 'When Kafka refuses an event: `block` holds the later events of its aggregate back until the dead letter is replayed or discarded; `skip` lets them go on.'
  }),
  RELAY_TOPIC_GRACE_MS: Type.Integer({
    default: 30_000, minimum: 0, maximum: 3_600_000, description: 'How long a topic has to be unknown or forbidden before its events become dead letters.'
  }),
  RELAY_POLL_INTERVAL_MS: Type.Integer({
    default: 1_000, minimum: 10, maximum: 60_000, description: 'How often the outbox is read without a wake-up.'
  }),
  RELAY_SWEEP_INTERVAL_MS: Type.Integer({
    default: 60_000, minimum: 100, maximum: 3_600_000, description: 'How often the outbox is read from its very beginning.'
  }),
  RELAY_SEND_DEADLINE_MS: Type.Integer({
    default: 8_000, minimum: 500, maximum: 60_000, description: 'A publish that takes longer counts as uncertain.'
  }),
  RELAY_TRANSACTION_TIMEOUT_MS: Type.Integer({
    default: 10_000, minimum: 1_000, maximum: 900_000, description: 'The broker aborts a transaction that is open for longer. Above RELAY_SEND_DEADLINE_MS, and not above the broker\'s transaction.max.timeout.ms.'
  }),
  RELAY_BACKOFF_MIN_MS: Type.Integer({
    default: 50, minimum: 1, maximum: 60_000, description: 'Wait after the first failure.'
  }),
  RELAY_BACKOFF_MAX_MS: Type.Integer({
    default: 5_000, minimum: 10, maximum: 600_000, description: 'Wait after many failures in a row, at most.'
  })
})

export type RelayConfig = Readonly<Static<typeof settings>>

export function loadRelayConfig (env: NodeJS.ProcessEnv): RelayConfig {
  return loadConfig(settings, { prefixes: ['RELAY_'], env })
}
