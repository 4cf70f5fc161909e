import { readFileSync } from 'node:fs'
import type { Logger } from 'pino'
import { toConnection, type KafkaConnection } from './kafkajs/client.ts'
import kafkajs, { type KafkaConfig, type SASLOptions } from './kafkajs/index.ts'
import { kafkajsLog } from './kafkajs/log.ts'
import { socketFactory } from './kafkajs/socket-factory.ts'
import { kafkaProblems, KafkaSettingsError, type KafkaSettings } from './settings.ts'

export interface KafkaOptions {
  clientId: string
  logger: Logger
}

/**
 * A connection by settings. Does not connect yet.
 *
 * @throws KafkaSettingsError
 */
export function createKafka (settings: KafkaSettings, { clientId, logger }: KafkaOptions): KafkaConnection {
  const problems = kafkaProblems(settings)
  if (problems.length > 0) throw new KafkaSettingsError(problems)
  const config: KafkaConfig = {
    clientId,
    brokers: settings.KAFKA_BROKERS.split(','),
    // The default of 1 s is too short for TLS and DNS in a busy cluster.
    connectionTimeout: 3_000,
    // The default of 30 s is longer than a lease.
    requestTimeout: 5_000,
    enforceRequestTimeout: true,
    // kafkajs waits at least this long after answers like "the transaction before is still completing", which is over within
    // milliseconds. The default of 300 ms would be most of a takeover.
    retry: { initialRetryTime: 10, multiplier: 2, factor: 0.2, maxRetryTime: 500, retries: 6 },
    socketFactory,
    logLevel: kafkajs.logLevel.INFO,
    logCreator: kafkajsLog(logger)
  }
  if (settings.KAFKA_SSL_CA_FILE !== undefined) config.ssl = tlsOptions(settings.KAFKA_SSL_CA_FILE)
  if (settings.KAFKA_SASL_MECHANISM !== undefined) config.sasl = saslOptions(settings)
  if (settings.KAFKA_SASL_MECHANISM === 'plain' && config.ssl === undefined) {
    logger.warn({ event: 'password_unprotected' }, 'KAFKA_SASL_MECHANISM is plain and KAFKA_SSL_CA_FILE is not set: the password is sent unencrypted')
  }
  return toConnection(new kafkajs.Kafka(config), logger)
}

/** A getter: kafkajs copies the options at each connect, so a renewed certificate authority needs no restart. */
function tlsOptions (file: string): { ca: string } {
  return {
    get ca () {
      return readFileSync(file, 'utf8')
    }
  }
}

function saslOptions (settings: KafkaSettings): SASLOptions {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: fixed, KAFKA_SASL_PASSWORD_FILE: file } = settings
  return {
    mechanism,
    username,
    get password () {
      return file === undefined ? fixed : readFileSync(file, 'utf8').trimEnd()
    }
  } as SASLOptions
}
