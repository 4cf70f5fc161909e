import { setTimeout as delay } from 'node:timers/promises'
import { findTopic, type KafkaConnection, type TopicState } from '@orders/kafka'
import type { Logger } from 'pino'

const INTERVAL_MS = 2_000

/** Topics by the setting that names them. */
export type TopicsToFind = Readonly<Record<string, string>>

/**
 * Looks for the topics of the settings until each was found once. Otherwise a missing dead-letter topic would be noticed only
 * when the first record needs it, perhaps after months.
 */
export class TopicsCheck {
  readonly #connection: KafkaConnection
  readonly #topics: TopicsToFind
  readonly #logger: Logger
  /** The topics that were not found yet, by setting. */
  readonly #problems = new Map<string, string>()

  constructor (connection: KafkaConnection, topics: TopicsToFind, logger: Logger) {
    this.#connection = connection
    this.#topics = topics
    this.#logger = logger
    for (const [setting, topic] of Object.entries(topics)) this.#problems.set(setting, `the topic ${topic} (${setting}) has not been found yet`)
  }

  /** A readiness check. Found once is enough: the read model does not need Kafka later. @throws while a topic is missing */
  assertFound (): void {
    const [problem] = this.#problems.values()
    if (problem !== undefined) throw new Error(problem)
  }

  /** Resolves when all topics were found, or `signal` is aborted. Never throws. */
  async run (signal: AbortSignal): Promise<void> {
    const states = new Map<string, TopicState>()
    while (this.#problems.size > 0 && !signal.aborted) {
      for (const setting of [...this.#problems.keys()]) {
        const topic = this.#topics[setting] ?? ''
        try {
          const state = await findTopic(this.#connection, topic)
          if (state === 'found') this.#problems.delete(setting)
          else this.#report(setting, topic, state, states.get(setting) !== state)
          states.set(setting, state)
        } catch (error) {
          this.#problems.set(setting, `Kafka did not answer a query for the topic ${topic} (${setting}): ${(error as Error).message}`)
        }
      }
      if (this.#problems.size > 0) await delay(INTERVAL_MS, undefined, { signal }).catch(() => {})
    }
  }

  #report (setting: string, topic: string, state: 'missing' | 'forbidden', isNew: boolean): void {
    const found = state === 'missing' ? 'no such topic' : 'that this client may not use it'
    const problem = `expected the topic ${topic} of ${setting}, found ${found}`
    this.#problems.set(setting, problem)
    if (isNew) {
      this.#logger.error({ event: state === 'missing' ? 'topic_missing' : 'topic_forbidden', setting, topic, detail: `${problem}; create it or grant it, or correct ${setting}` },
        `a topic of the settings is ${state}: not ready until it can be used`)
    }
  }
}
