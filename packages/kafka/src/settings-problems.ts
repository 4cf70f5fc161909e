import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { KafkaSettings } from './settings.ts'

/** Settings that cannot be used, though each for itself is well formed. */
export class KafkaSettingsError extends Error {
  readonly code = 'KAFKA_SETTINGS_INVALID'
  readonly problems: readonly string[]

  constructor (problems: readonly string[]) {
    super(`the settings of Kafka cannot be used: ${problems.join('; ')}`)
    this.name = 'KafkaSettingsError'
    this.problems = problems
  }
}

/** What is wrong with settings that the schema lets through, each with its variable. Reads the files that they name. */
export function kafkaProblems (settings: KafkaSettings): string[] {
  return [...certificateProblems(settings), ...authenticationProblems(settings)]
}

function certificateProblems ({ KAFKA_SSL_CA_FILE: file }: KafkaSettings): string[] {
  if (file === undefined) return []
  try {
    // Given something that is no certificate, TLS would trust nobody, and say so at every connect, for ever.
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
    // Without this it would connect as nobody.
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
