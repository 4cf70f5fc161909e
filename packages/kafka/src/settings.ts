import { Type } from 'typebox'

/** 1 to 65535: a larger one is a RangeError of the socket, which kafkajs does not come back from. */
const port = '(6553[0-5]|655[0-2]\\d|65[0-4]\\d{2}|6[0-4]\\d{3}|[1-5]\\d{4}|[1-9]\\d{0,3})'
const broker = `[^\\s,:/\\[\\]]+:${port}`

export const kafkaSettings = {
  KAFKA_BROKERS: Type.String({
    pattern: `^${broker}(,${broker})*$`,
    description: 'Bootstrap brokers, as `host:port` separated by commas.'
  }),
  KAFKA_SSL_CA_FILE: Type.Optional(Type.String({
    description: 'Certificate authority of the brokers, PEM; turns TLS on. Read again at every connect.'
  })),
  KAFKA_SASL_MECHANISM: Type.Optional(Type.Enum(['scram-sha-512', 'scram-sha-256', 'plain'], {
    description: 'Turns authentication on.'
  })),
  KAFKA_SASL_USERNAME: Type.Optional(Type.String({ minLength: 1, description: 'User, with KAFKA_SASL_MECHANISM.' })),
  KAFKA_SASL_PASSWORD: Type.Optional(Type.String({ minLength: 1, description: 'Its password.' })),
  KAFKA_SASL_PASSWORD_FILE: Type.Optional(Type.String({
    description: 'File with the password, instead of KAFKA_SASL_PASSWORD. Read again at every connect, so that a new password needs no restart.'
  }))
}

/** The values of {@link kafkaSettings}. */
export interface KafkaSettings {
  KAFKA_BROKERS: string
  KAFKA_SSL_CA_FILE?: string | undefined
  KAFKA_SASL_MECHANISM?: 'scram-sha-512' | 'scram-sha-256' | 'plain' | undefined
  KAFKA_SASL_USERNAME?: string | undefined
  KAFKA_SASL_PASSWORD?: string | undefined
  KAFKA_SASL_PASSWORD_FILE?: string | undefined
}
