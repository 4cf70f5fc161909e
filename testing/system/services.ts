import { until, type ServiceProcess } from '../framework/index.ts'
import type { SystemNames } from './topics.ts'

const READY_DEADLINE_MS = 60_000
const LAST_LOG_LINES = 5
/** A session for each request in flight: no request waits for one behind a slow commit. */
const API_SESSIONS = 20

/** The settings that make a service part of a system. */
export interface Place<Names extends keyof SystemNames> {
  databaseUrl: string
  brokers: string
  names: Pick<SystemNames, Names>
}

export function orderApiSettings ({ databaseUrl }: { databaseUrl: string }): Record<string, string> {
  return { DATABASE_URL: databaseUrl, DATABASE_POOL_SIZE: String(API_SESSIONS) }
}

export function relaySettings ({ databaseUrl, brokers, names }: Place<'topic' | 'relayName'>): Record<string, string> {
  return { DATABASE_URL: databaseUrl, KAFKA_BROKERS: brokers, RELAY_NAME: names.relayName, RELAY_DEFAULT_TOPIC: names.topic }
}

export function consumerSettings ({ databaseUrl, brokers, names }: Place<'topic' | 'deadLetterTopic' | 'group'>): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    KAFKA_BROKERS: brokers,
    CONSUMER_TOPIC: names.topic,
    CONSUMER_DEAD_LETTER_TOPIC: names.deadLetterTopic,
    CONSUMER_GROUP: names.group
  }
}

/** The services of a system, each a process that has to run until it is stopped. */
export class Services {
  readonly #all: readonly ServiceProcess[]
  readonly #killed: readonly ServiceProcess[]
  readonly #broken = new AbortController()
  #stopping = false

  /**
   * @param all in the order in which they are to be stopped
   * @param killed those that are killed on purpose while the system runs
   */
  constructor (all: readonly ServiceProcess[], killed: readonly ServiceProcess[] = []) {
    this.#all = all
    this.#killed = killed
  }

  /** Aborted when a service ends by itself; the reason says which. */
  get broken (): AbortSignal {
    return this.#broken.signal
  }

  /** Resolves when every service is ready. @param signal gives the waiting up */
  async start (signal: AbortSignal): Promise<void> {
    const started = await Promise.allSettled(this.#all.map((service) => service.start()))
    for (const result of started) if (result.status === 'rejected') throw result.reason
    for (const service of this.#all) if (!this.#killed.includes(service)) void this.#watch(service)
    await Promise.all(this.#all.map((service) => until(async () => {
      if (this.broken.aborted || signal.aborted) return 'given up'
      const response = await fetch(`${service.ops}/readyz`, { signal: AbortSignal.timeout(5_000) })
      if (!response.ok) throw new Error(await response.text())
      return 'ready'
    }, { what: `${service.name} to be ready`, deadlineMs: READY_DEADLINE_MS })))
    signal.throwIfAborted()
    this.broken.throwIfAborted()
  }

  /** SIGTERM, one after the other: each drains, as it would in production. @throws Error for one that does not end with 0 */
  async stop (): Promise<void> {
    this.#stopping = true
    for (const service of this.#all.filter(({ running }) => running)) {
      service.kill('SIGTERM')
      const code = await service.exited()
      if (code !== 0) throw new Error(`expected ${service.name} to end with 0, found ${code}`)
    }
  }

  async #watch (service: ServiceProcess): Promise<void> {
    const code = await service.exited()
    if (this.#stopping) return
    const lines = service.logs.slice(-LAST_LOG_LINES).map((line) => `\n  ${JSON.stringify(line)}`)
    this.#broken.abort(new Error(`${service.name} ended with ${code} while it should run; its last log lines:${lines.join('')}`))
  }
}
