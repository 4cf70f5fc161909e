import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Type } from 'typebox'

/** 1 to 65535. A larger port is a RangeError of the socket, from which kafkajs does not recover. */
const port = '(6553[0-5]|655[0-2]\\d|65[0-4]\\d{2}|6[0-4]\\d{3}|[1-5]\\d{4}|[1-9]\\d{0,3})'
const broker = `[^\\s,:/\\[\\]]+:${port}`

/** Pattern of the topic names that a broker accepts (Kafka's `Topic.validate`). */
export const TOPIC_NAME = '^(?!\\.{1,2}$)[a-zA-Z0-9._-]{1,249}$'

/** Schema of the settings that every client of Kafka has. */
export const kafkaSettings = {
  KAFKA_BROKERS: Type.String({
    pattern: `^${broker}(,${broker})*$`,
    description: 'Bootstrap brokers, as `host:port` separated by commas.'
  }),
  KAFKA_SSL_CA_FILE: Type.Optional(Type.String({
    description: 'PEM file with the certificate authority of the brokers. Setting it turns TLS on. Read again at every connect.'
  })),
  KAFKA_SASL_MECHANISM: Type.Optional(Type.Enum(['scram-sha-512', 'scram-sha-256', 'plain'], {
    description: 'SASL mechanism. Setting it turns authentication on.'
  })),
  KAFKA_SASL_USERNAME: Type.Optional(Type.String({ minLength: 1, description: 'User name. Required with KAFKA_SASL_MECHANISM.' })),
  KAFKA_SASL_PASSWORD: Type.Optional(Type.String({ minLength: 1, description: 'Password of KAFKA_SASL_USERNAME.' })),
  KAFKA_SASL_PASSWORD_FILE: Type.Optional(Type.String({
    description: 'File with the password, instead of KAFKA_SASL_PASSWORD. Read again at every connect, so a new password needs no restart.'
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

/** Settings that are well formed one by one and cannot be used together, or name an unusable file. */
export class KafkaSettingsError extends Error {
  readonly code = 'KAFKA_SETTINGS_INVALID'
  readonly problems: readonly string[]

  constructor (problems: readonly string[]) {
    super(`invalid settings of Kafka: ${problems.join('; ')}`)
    this.name = 'KafkaSettingsError'
    this.problems = problems
  }
}

/** The problems that the schema cannot find, each with the name of its variable. Reads the files that the settings name. */
export function kafkaProblems (settings: KafkaSettings): string[] {
  return [...certificateProblems(settings), ...authenticationProblems(settings)]
}

function certificateProblems ({ KAFKA_SSL_CA_FILE: file }: KafkaSettings): string[] {
  if (file === undefined) return []
  try {
    // Without this check TLS would trust no broker, and every connect would fail, forever.
    void new X509Certificate(readFileSync(file))
    return []
  } catch (error) {
    return [`KAFKA_SSL_CA_FILE: expected a file with a certificate in PEM, found ${(error as Error).message}`]
  }
}

function authenticationProblems (settings: KafkaSettings): string[] {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password, KAFKA_SASL_PASSWORD_FILE: file } = settings
  const given = Object.entries({ KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password, KAFKA_SASL_PASSWORD_FILE: file })
    .filter(([, value]) => value !== undefined).map(([name]) => name)
  if (mechanism === undefined) {
    // Without this check the client would connect as the anonymous user.
    return given.length === 0 ? [] : [`KAFKA_SASL_MECHANISM: expected together with ${given.join(' and ')}, found none`]
  }
  const problems: string[] = []
  if (username === undefined) problems.push('KAFKA_SASL_USERNAME: expected together with KAFKA_SASL_MECHANISM, found none')
  if (password === undefined && file === undefined) problems.push('KAFKA_SASL_PASSWORD: expected together with KAFKA_SASL_MECHANISM (or KAFKA_SASL_PASSWORD_FILE), found none')
  if (file !== undefined) problems.push(...passwordFileProblems(file))
  return problems
}

function passwordFileProblems (file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd() === '' ? ['KAFKA_SASL_PASSWORD_FILE: expected a file with a password, found an empty one'] : []
  } catch (error) {
    return [`KAFKA_SASL_PASSWORD_FILE: expected a file with a password, found ${(error as Error).message}`]
  }
}
