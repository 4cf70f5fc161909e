/** What to check first, by Kafka's name of an error. */
const KAFKA_HINTS: Readonly<Record<string, string>> = {
  INVALID_TIMESTAMP: 'the clock of this machine, or message.timestamp.after.max.ms of the topic',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'the rights Describe and Write on the transactional ids that begin with RELAY_NAME',
  GROUP_AUTHORIZATION_FAILED: 'the right Read on the consumer groups that begin with RELAY_NAME',
  CLUSTER_AUTHORIZATION_FAILED: 'the rights of the user KAFKA_SASL_USERNAME',
  INVALID_TRANSACTION_TIMEOUT: 'RELAY_TRANSACTION_TIMEOUT_MS, which must not be above transaction.max.timeout.ms of the brokers',
  SASL_AUTHENTICATION_FAILED: 'KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
  UNSUPPORTED_SASL_MECHANISM: 'KAFKA_SASL_MECHANISM'
}

/** The same, by the name of an error of kafkajs. */
const CONNECTION_HINTS: Readonly<Record<string, string>> = {
  KafkaJSSASLAuthenticationError: 'KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
  KafkaJSConnectionError: 'KAFKA_BROKERS, and whether the brokers ask for TLS (KAFKA_SSL_CA_FILE)',
  KafkaJSConnectionClosedError: 'KAFKA_BROKERS, whether the brokers ask for TLS (KAFKA_SSL_CA_FILE) or for a password (KAFKA_SASL_MECHANISM)',
  KafkaJSBrokerNotFound: 'KAFKA_BROKERS'
}

/** The same, by SQLSTATE. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const POSTGRES_HINTS: Readonly<Record<string, string>> = {
  '42P01': 'DATABASE_URL: is it the database with the outbox, and were its migrations applied?',
  42703: 'whether the migrations of the database in DATABASE_URL were applied',
  42501: 'the role in DATABASE_URL: it needs the grants of outbox_relay',
  '28P01': 'the password in DATABASE_URL',
  28000: 'the role in DATABASE_URL',
  '3D000': 'the name of the database in DATABASE_URL'
}

interface Cause {
  name?: string
  code?: unknown
  type?: string
  reason?: string
  cause?: Cause
}

const MAX_CAUSES = 6

/** What to check, to be appended to an error's message: `; look at …`. Empty when the error does not tell. */
export function hintFor (error: unknown): string {
  let fallback: string | undefined
  for (let cause = error as Cause | undefined, depth = 0; typeof cause === 'object' && cause !== null && depth < MAX_CAUSES; cause = cause.cause, depth++) {
    const { code, name = '', reason = '', type = '' } = cause
    const hint = KAFKA_HINTS[reason] ?? KAFKA_HINTS[type] ?? (typeof code === 'string' ? POSTGRES_HINTS[code] : undefined)
    if (hint !== undefined) return `; look at ${hint}`
    fallback = CONNECTION_HINTS[name] ?? fallback
  }
  return fallback === undefined ? '' : `; look at ${fallback}`
}
