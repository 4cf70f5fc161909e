import { kafkaProblems, kafkaSettings } from '@orders/kafka'
import { ConfigError, loadConfig, logSettings, opsSettings, postgresSettings, PRINTABLE_NAME, shutdownSettings, withDatabaseTls } from '@orders/service-kit'
import { Type, type Static } from 'typebox'
import { isTopicName, TopicMap } from './publishing/topics.ts'

export const settings = Type.Object({
  ...postgresSettings,
  ...kafkaSettings,
  ...opsSettings,
  ...logSettings,
  ...shutdownSettings,
  RELAY_NAME: Type.String({
    default: 'outbox-relay',
    pattern: '^[a-zA-Z0-9._-]{1,200}$',
    description: 'Name that all replicas of one relay share. The transactional ids and the position group are this name and the shard. Two databases on one Kafka need two names. The first relay writes the name into its database, and a relay with another name does not publish; change-layout.js changes it.'
  }),
  RELAY_IDENTITY: Type.Optional(Type.String({
    pattern: PRINTABLE_NAME,
    minLength: 1,
    maxLength: 200,
    description: 'Name of this replica in logs and in relay_shard. The host name if not set.'
  })),
  RELAY_DELIVERY: Type.Enum(['exactly-once', 'at-least-once'], {
    default: 'exactly-once',
    description: '`exactly-once` publishes in Kafka transactions, for consumers that read committed records. `at-least-once` has lower latency, and may publish an event twice after a failure. Recorded in the database like RELAY_NAME.'
  }),
  RELAY_LEASE: Type.Enum(['postgres', 'kubernetes', 'none'], {
    default: 'postgres',
    description: 'Where the lease is kept that says which replica should lead: a row of `leader_lease` in the relay\'s database, a Kubernetes `Lease`, or `none` for a relay of one replica.'
  }),
  RELAY_LEASE_NAMESPACE: Type.Optional(Type.String({
    pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
    description: 'Namespace of the Kubernetes Leases, which are named RELAY_NAME and the shard. The pod\'s own namespace if not set.'
  })),
  RELAY_LEASE_DURATION_MS: Type.Integer({
    default: 15_000, minimum: 1_000, maximum: 3_600_000, description: 'A standby takes the lease when it has not seen it change for this long. Whole seconds, because a lease holds whole seconds.'
  }),
  RELAY_RENEW_DEADLINE_MS: Type.Integer({
    default: 10_000, minimum: 500, maximum: 3_600_000, description: 'A leader stops after this long without a renewal, unless the lease store cannot be reached: then it goes on under the fences. Must be `< RELAY_LEASE_DURATION_MS`.'
  }),
  RELAY_RETRY_PERIOD_MS: Type.Integer({
    default: 2_000, minimum: 100, maximum: 600_000, description: 'Pause between two renewals of the leader. A standby polls every 1 to 2.2 times as long. Must be `< RELAY_RENEW_DEADLINE_MS / 1.2`, so that a leader has a second attempt.'
  }),
  RELAY_EAGER_TAKEOVER: Type.Boolean({
    default: true,
    description: 'Every replica holds a Postgres session. When it ends, the other replicas know of a crash within milliseconds. Set `false` if DATABASE_URL leads to a transaction pooler: then a crashed leader is replaced when its lease expires, and shards are not rebalanced.'
  }),
  RELAY_SHARDS: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 64,
    description: 'Number of parts into which the aggregates are divided, each with its own leader. Recorded in the database like RELAY_NAME; change-layout.js changes it while relays run.'
  }),
  RELAY_PROGRESS_DEADLINE_MS: Type.Integer({
    default: 30_000, minimum: 1_000, maximum: 3_600_000, description: 'A leader that has been failing for this long gives its shard up to another replica.'
  }),
  RELAY_TOPICS: Type.String({
    default: '',
    description: 'Topics by aggregate type, as `aggregateType=topic` pairs separated by commas.'
  }),
  RELAY_DEFAULT_TOPIC: Type.String({
    default: 'order-events',
    pattern: '^[a-zA-Z0-9._-]{1,249}$',
    description: 'Topic of every aggregate type that RELAY_TOPICS does not name, and of the position. Must exist. Recorded in the database like RELAY_NAME.'
  }),
  RELAY_SOURCE: Type.String({
    default: '/orders',
    minLength: 1,
    format: 'uri-reference',
    description: 'The CloudEvents `source` of every event.'
  }),
  RELAY_BATCH_EVENTS: Type.Integer({
    default: 1_000, minimum: 1, maximum: 10_000, description: 'Largest number of events in one batch.'
  }),
  RELAY_BATCH_BYTES: Type.Integer({
    default: 1_048_576, minimum: 1_024, maximum: 104_857_600, description: 'Largest number of bytes of payload and headers in one batch. A larger event is a batch of its own.'
  }),
  RELAY_MAX_RECORD_BYTES: Type.Integer({
    default: 1_048_576,
    minimum: 1_024,
    maximum: 104_857_600,
    description: 'The smallest max.message.bytes of the topics. A larger event becomes a dead letter and is not sent to Kafka. No request holds more than this for one partition.'
  }),
  RELAY_REFUSED: Type.Enum(['block', 'skip'], {
    default: 'block',
    description: 'What happens after Kafka refuses an event: `block` holds back the later events of its aggregate until the dead letter is replayed or discarded; `skip` publishes them without it.'
  }),
  RELAY_TOPIC_GRACE_MS: Type.Optional(Type.Integer({
    minimum: 0, maximum: 604_800_000, description: 'Events of a topic that has been missing or forbidden for this long become dead letters. If not set, they never do: they wait in the outbox until the topic is there. The events of other topics are published meanwhile.'
  })),
  RELAY_POLL_INTERVAL_MS: Type.Integer({
    default: 1_000, minimum: 10, maximum: 60_000, description: 'Pause between two reads of the outbox without a wake-up.'
  }),
  RELAY_SWEEP_INTERVAL_MS: Type.Integer({
    default: 60_000, minimum: 100, maximum: 3_600_000, description: 'Pause between two reads of the outbox from its lowest id, which find events that no trigger has reported.'
  }),
  RELAY_SEND_DEADLINE_MS: Type.Integer({
    default: 8_000, minimum: 500, maximum: 60_000, description: 'Timeout of one publish. After it, the outcome counts as uncertain and the relay takes over again. Must be `< RELAY_RENEW_DEADLINE_MS`.'
  }),
  RELAY_TRANSACTION_TIMEOUT_MS: Type.Integer({
    default: 10_000, minimum: 1_000, maximum: 900_000, description: 'The broker aborts a transaction that is open for longer. Must be `> RELAY_SEND_DEADLINE_MS` and `<= transaction.max.timeout.ms` of the broker.'
  }),
  RELAY_BACKOFF_MIN_MS: Type.Integer({
    default: 50, minimum: 1, maximum: 60_000, description: 'Wait after the first failure. Must be `< RELAY_BACKOFF_MAX_MS`.'
  }),
  RELAY_BACKOFF_MAX_MS: Type.Integer({
    default: 5_000, minimum: 10, maximum: 600_000, description: 'Longest wait after many failures in a row.'
  })
})

export type RelayConfig = Readonly<Static<typeof settings>>

/** A standby adds up to this part of a retry period to its wait (client-go's value). */
const JITTER_FACTOR = 1.2

/** @throws ConfigError that names every wrong or contradicting setting, with its value */
export function loadRelayConfig (env?: NodeJS.ProcessEnv): RelayConfig {
  const config = withDatabaseTls(loadConfig(settings, { prefixes: ['RELAY_'], ...env === undefined ? {} : { env } }))
  const problems = [...kafkaProblems(config), ...contradictions(config)]
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

function contradictions (config: RelayConfig): string[] {
  const value = (name: keyof RelayConfig) => `${name} (${String(config[name])})`
  const below = (lower: keyof RelayConfig, upper: keyof RelayConfig, why: string, factor = 1): string[] =>
    Number(config[lower]) * factor < Number(config[upper])
      ? []
      : [`${lower}: expected ${factor === 1 ? '' : `${factor} times `}${value(lower)} below ${value(upper)}: ${why}`]
  return [
    ...malformedTopics(config),
    ...below('RELAY_BACKOFF_MIN_MS', 'RELAY_BACKOFF_MAX_MS', 'the wait grows from the one to the other'),
    ...below('RELAY_SEND_DEADLINE_MS', 'RELAY_TRANSACTION_TIMEOUT_MS', 'the broker would abort a transaction that is still being sent'),
    ...config.RELAY_LEASE === 'none'
      ? []
      : [
          ...below('RELAY_RENEW_DEADLINE_MS', 'RELAY_LEASE_DURATION_MS', 'the difference is a leader\'s time to stop'),
          ...below('RELAY_RETRY_PERIOD_MS', 'RELAY_RENEW_DEADLINE_MS', 'a leader needs a second attempt', JITTER_FACTOR),
          ...below('RELAY_SEND_DEADLINE_MS', 'RELAY_RENEW_DEADLINE_MS', 'a send would outlive the right to it'),
          ...config.RELAY_LEASE_DURATION_MS % 1_000 === 0
            ? []
            : [`RELAY_LEASE_DURATION_MS: expected whole seconds, as a lease holds them, found ${config.RELAY_LEASE_DURATION_MS} ms`]
        ]
  ]
}

function malformedTopics ({ RELAY_TOPICS, RELAY_DEFAULT_TOPIC }: RelayConfig): string[] {
  if (!isTopicName(RELAY_DEFAULT_TOPIC)) return [`RELAY_DEFAULT_TOPIC: expected the name of a topic, found ${JSON.stringify(RELAY_DEFAULT_TOPIC)}`]
  try {
    TopicMap.parse(RELAY_TOPICS, RELAY_DEFAULT_TOPIC)
    return []
  } catch (error) {
    return [`RELAY_TOPICS: ${(error as Error).message}`]
  }
}
