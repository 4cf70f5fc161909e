import kafkajs, { type logCreator } from 'kafkajs'
import type { Logger } from 'pino'

/** The same line again is not worth more often, in milliseconds: in an outage kafkajs repeats itself several times a second. */
const REPEAT_AFTER_MS = 30_000

/**
 * kafkajs's log through ours, one level down: it calls an error what the relay and the consumer retry, and they report
 * themselves what they make of it.
 */
export function kafkajsLog (logger: Logger): logCreator {
  const lastLogged = new Map<string, number>()
  return () => ({ namespace, level, log: { message, timestamp: _timestamp, ...fields } }) => {
    const now = performance.now()
    const key = `${namespace} ${message}`
    if (now - (lastLogged.get(key) ?? -Infinity) < REPEAT_AFTER_MS) return
    if (lastLogged.size > 1_000) lastLogged.clear()
    lastLogged.set(key, now)
    const entry = { kafkajs: namespace, detail: fields.error as unknown, broker: fields.broker as unknown }
    // Connection: each answer that is no success, most of which kafkajs deals with itself.
    if (level <= kafkajs.logLevel.ERROR && namespace !== 'Connection') logger.warn(entry, message)
    else logger.debug(entry, message)
  }
}
