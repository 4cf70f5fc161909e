import { ORDER_EVENTS_DEAD_LETTER_TOPIC, ORDER_EVENTS_TOPIC, ORDER_GROUP } from '@orders/contracts'
import { kafkaProblems, kafkaSettings, TOPIC_NAME } from '@orders/kafka'
import { ConfigError, httpSettings, loadConfig, logSettings, opsSettings, postgresSettings, PRINTABLE_NAME, shutdownSettings, withDatabaseTls } from '@orders/service-kit'
import { Type, type Static } from 'typebox'

export const settings = Type.Object({
  ...postgresSettings,
  ...kafkaSettings,
  ...httpSettings,
  ...opsSettings,
  ...logSettings,
  ...shutdownSettings,
  CONSUMER_DOCS: Type.Boolean({
    default: true, description: 'Serve the OpenAPI document and its page at `/docs`.'
  }),
  CONSUMER_TOPIC: Type.String({ default: ORDER_EVENTS_TOPIC, pattern: TOPIC_NAME, description: 'Topic of the order events.' }),
  CONSUMER_DEAD_LETTER_TOPIC: Type.String({
    default: ORDER_EVENTS_DEAD_LETTER_TOPIC, pattern: TOPIC_NAME, description: 'Topic for records that can never be applied. It must exist.'
  }),
  CONSUMER_GROUP: Type.String({ default: ORDER_GROUP, pattern: PRINTABLE_NAME, minLength: 1, maxLength: 200, description: 'Consumer group.' }),
  CONSUMER_SESSION_TIMEOUT_MS: Type.Integer({
    default: 10_000, minimum: 6_000, maximum: 300_000, description: 'A consumer without a heartbeat for this long loses its partitions, in milliseconds. Must be within the broker\'s group.min.session.timeout.ms and group.max.session.timeout.ms.'
  }),
  CONSUMER_BATCH_EVENTS: Type.Integer({
    default: 500, minimum: 1, maximum: 10_000, description: 'Maximum number of events that are applied in one transaction.'
  }),
  CONSUMER_POISON_ATTEMPTS: Type.Integer({
    default: 3, minimum: 1, maximum: 100, description: 'Attempts to apply an event that Postgres refuses, before it becomes a dead letter. Attempts during an outage do not count.'
  }),
  CONSUMER_REFUSALS_IN_A_ROW: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 1_000_000,
    description: 'If Postgres refuses this many events in a row for the same reason, and none takes effect in between, the tables are considered at fault. Then no event becomes a dead letter, and the consumer waits and is not ready. Raise it to make dead letters of such events.'
  }),
  CONSUMER_INBOX_RETENTION_HOURS: Type.Integer({
    default: 720, minimum: 1, maximum: 87_600, description: 'How long the inbox remembers applied events, in hours. Must be longer than the topic\'s retention: for an event that is read again after this time, only the version guard prevents a second effect.'
  })
})

export type ConsumerConfig = Readonly<Static<typeof settings>>

/** @throws ConfigError, also if settings contradict each other, or name a file that is missing or invalid */
export function loadConsumerConfig (env?: NodeJS.ProcessEnv): ConsumerConfig {
  const config = withDatabaseTls(loadConfig(settings, { prefixes: ['CONSUMER_'], ...(env === undefined ? {} : { env }) }))
  const problems = kafkaProblems(config)
  if (config.CONSUMER_DEAD_LETTER_TOPIC === config.CONSUMER_TOPIC) {
    problems.push(`CONSUMER_DEAD_LETTER_TOPIC: expected another topic than CONSUMER_TOPIC, found ${config.CONSUMER_TOPIC} for both: the consumer would read its own dead letters, forever`)
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}
