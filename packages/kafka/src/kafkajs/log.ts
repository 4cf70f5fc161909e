import type { logCreator } from 'kafkajs'
import type { Logger } from 'pino'
import kafkajs from './index.ts'

/** In an outage kafkajs logs the same line several times a second. */
const REPEAT_AFTER_MS = 30_000
const MAX_KEYS = 1_000

/**
 * Writes kafkajs's log to ours, each line at most once in 30 seconds, and never as an error. kafkajs logs an error for what the
 * relay and the consumer retry; they report the outcome themselves.
 */
export function kafkajsLog (logger: Logger): logCreator {
  const limit = new LogLimit()
  return () => ({ namespace, level, log: { message, timestamp: _timestamp, ...fields } }) => {
    if (!limit.allows(`${namespace} ${message}`)) return
    const entry = { kafkajs: namespace, detail: fields.error as unknown, broker: fields.broker as unknown }
    // The namespace Connection logs every answer with an error code. kafkajs handles most of them itself.
    if (level <= kafkajs.logLevel.ERROR && namespace !== 'Connection') logger.warn({ event: 'kafka_client', ...entry }, message)
    else logger.debug({ event: 'kafka_client', ...entry }, message)
  }
}

/** Lets a log line through once in 30 seconds, by its key. */
export class LogLimit {
  readonly #lastLogged = new Map<string, number>()
  readonly #now: () => number

  constructor (now = () => performance.now()) {
    this.#now = now
  }

  allows (key: string): boolean {
    const now = this.#now()
    if (now - (this.#lastLogged.get(key) ?? -Infinity) < REPEAT_AFTER_MS) return false
    if (this.#lastLogged.size >= MAX_KEYS) this.#lastLogged.clear()
    this.#lastLogged.set(key, now)
    return true
  }
}
