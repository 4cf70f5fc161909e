import { readFileSync } from 'node:fs'
import type { Kafka, KafkaConfig, SASLOptions } from 'kafkajs'
import type { Logger } from 'pino'
import kafkajs from './kafkajs/index.ts'
import { kafkajsLog } from './kafkajs/log.ts'
import type { KafkaSettings } from './settings.ts'
import { kafkaProblems, KafkaSettingsError } from './settings-problems.ts'
import { socketFactory } from './kafkajs/socket-factory.ts'

export interface KafkaConnection {
  kafka: Kafka
  logger: Logger
}

export interface KafkaOptions {
  clientId: string
  logger: Logger
}

/**
 * A client for the brokers of the settings; connects to nothing yet.
 *
 * @throws KafkaSettingsError
 */
export function createKafka (settings: KafkaSettings, { clientId, logger }: KafkaOptions): KafkaConnection {
  const problems = kafkaProblems(settings)
  if (problems.length > 0) throw new KafkaSettingsError(problems)
  const config: KafkaConfig = {
    clientId,
    brokers: settings.KAFKA_BROKERS.split(','),
    // The default of 1 s is not enough for TLS and DNS in a busy cluster, and 30 s for an answer is longer than a lease.
    connectionTimeout: 3_000,
    requestTimeout: 5_000,
    enforceRequestTimeout: true,
    // kafkajs waits this long, not less, after answers like "the transaction before is still completing", which is over in
    // milliseconds; 300 ms, its default, would be most of a take-over.
    retry: { initialRetryTime: 10, multiplier: 2, factor: 0.2, maxRetryTime: 500, retries: 6 },
    socketFactory,
    logLevel: kafkajs.logLevel.INFO,
    logCreator: kafkajsLog(logger)
  }
  if (settings.KAFKA_SSL_CA_FILE !== undefined) config.ssl = tlsOptions(settings.KAFKA_SSL_CA_FILE)
  if (settings.KAFKA_SASL_MECHANISM !== undefined) config.sasl = saslOptions(settings)
  if (settings.KAFKA_SASL_MECHANISM === 'plain' && config.ssl === undefined) {
    logger.warn({ event: 'password_unprotected' }, 'KAFKA_SASL_MECHANISM plain without KAFKA_SSL_CA_FILE: the password is sent as it is')
  }
  return { kafka: new kafkajs.Kafka(config), logger }
}

/** A getter, for kafkajs copies the options at each connect: a renewed certificate authority needs no restart. */
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
