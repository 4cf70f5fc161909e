import type { logCreator } from 'kafkajs'
import type { Logger } from 'pino'
import kafkajs from './index.ts'
import { LogLimit } from './log-limit.ts'

/**
 * kafkajs's log through ours, one level down: it calls an error what the relay and the consumer retry, and they report
 * themselves what they make of it.
 */
export function kafkajsLog (logger: Logger): logCreator {
  const limit = new LogLimit()
  return () => ({ namespace, level, log: { message, timestamp: _timestamp, ...fields } }) => {
    if (!limit.allows(`${namespace} ${message}`)) return
    const entry = { kafkajs: namespace, detail: fields.error as unknown, broker: fields.broker as unknown }
    // Connection: each answer that is no success, most of which kafkajs deals with itself.
    if (level <= kafkajs.logLevel.ERROR && namespace !== 'Connection') logger.warn({ event: 'kafka_client', ...entry }, message)
    else logger.debug({ event: 'kafka_client', ...entry }, message)
  }
}
