import { ORDER_EVENTS_DEAD_LETTER_TOPIC, ORDER_EVENTS_TOPIC, ORDER_GROUP } from '@orders/contracts'
import { kafkaProblems, kafkaSettings } from '@orders/kafka'
import { ConfigError, httpSettings, loadConfig, logSettings, opsSettings, postgresSettings, shutdownSettings, withDatabaseTls } from '@orders/service-kit'
import { Type, type Static } from 'typebox'

const topicName = '^[a-zA-Z0-9._-]{1,249}$'

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
  CONSUMER_TOPIC: Type.String({ default: ORDER_EVENTS_TOPIC, pattern: topicName, description: 'Topic of the order events.' }),
  CONSUMER_DEAD_LETTER_TOPIC: Type.String({
    default: ORDER_EVENTS_DEAD_LETTER_TOPIC, pattern: topicName, description: 'Where records go that can never be applied. Must exist.'
  }),
  CONSUMER_GROUP: Type.String({ default: ORDER_GROUP, minLength: 1, maxLength: 200, description: 'Consumer group.' }),
  CONSUMER_SESSION_TIMEOUT_MS: Type.Integer({
    default: 10_000, minimum: 6_000, maximum: 300_000, description: 'A consumer that is not heard of for this long loses its partitions. Within the broker\'s group.min/max.session.timeout.ms.'
  }),
  CONSUMER_BATCH_EVENTS: Type.Integer({
    default: 500, minimum: 1, maximum: 10_000, description: 'Events that are applied in one transaction, at most.'
  }),
  CONSUMER_POISON_ATTEMPTS: Type.Integer({
    default: 3, minimum: 1, maximum: 100, description: 'How often an event that Postgres refuses is tried before it becomes a dead letter. An outage never counts.'
  }),
  CONSUMER_REFUSALS_IN_A_ROW: Type.Integer({
    default: 10,
    minimum: 1,
    maximum: 1_000_000,
    description: 'So many events in a row, none of which took effect, that Postgres refuses for the same reason make it the fault of the tables: nothing is put aside then, the consumer is not ready and waits. Raise it to put such events aside all the same.'
  }),
  CONSUMER_INBOX_RETENTION_HOURS: Type.Integer({
    default: 720, minimum: 1, maximum: 87_600, description: 'How long applied events are remembered. Longer than the topic keeps its records: an event that is read again later than this is applied again, as far as the version guard lets it.'
  })
})

export type ConsumerConfig = Readonly<Static<typeof settings>>

/** @throws ConfigError also when settings contradict each other, or name a file that cannot be used */
export function loadConsumerConfig (env?: NodeJS.ProcessEnv): ConsumerConfig {
  const config = withDatabaseTls(loadConfig(settings, { prefixes: ['CONSUMER_'], ...(env === undefined ? {} : { env }) }))
  const problems = kafkaProblems(config)
  if (config.CONSUMER_DEAD_LETTER_TOPIC === config.CONSUMER_TOPIC) {
    problems.push(`CONSUMER_DEAD_LETTER_TOPIC: expected another topic than CONSUMER_TOPIC, found ${config.CONSUMER_TOPIC} for both: a dead letter would be read, and put aside again, for ever`)
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}
