import { setTimeout as delay } from 'node:timers/promises'
import type { TopicAccess, TopicProbe } from '@orders/kafka'
import type { Logger } from 'pino'

const INTERVAL_MS = 2_000
/** Kafka's name for a missing right. Every other reason means that there is no such topic. */
const FORBIDDEN = 'TOPIC_AUTHORIZATION_FAILED'

/** A topic of the settings, and what the consumer does with it. */
export interface NeededTopic {
  setting: string
  topic: string
  right: 'read' | 'write'
}

/**
 * Looks for the topics of the settings, with the right that each needs, until each was found once. Otherwise a missing dead-letter
 * topic, or one that may not be written to, would be noticed only when the first record needs it, perhaps after months.
 */
export class TopicsCheck {
  readonly #probe: TopicProbe
  readonly #logger: Logger
  /** The topics that were not found yet, and why not. */
  readonly #problems: Map<NeededTopic, string>

  constructor (probe: TopicProbe, topics: readonly NeededTopic[], logger: Logger) {
    this.#probe = probe
    this.#logger = logger
    this.#problems = new Map(topics.map((needed) => [needed, `the topic ${needed.topic} (${needed.setting}) has not been found yet`]))
  }

  /** A readiness check. Found once is enough: the read model does not need Kafka later. @throws while a topic is missing */
  assertFound (): void {
    const [problem] = this.#problems.values()
    if (problem !== undefined) throw new Error(problem)
  }

  /** Resolves when all topics were found, or `signal` is aborted. Never throws. */
  async run (signal: AbortSignal): Promise<void> {
    const reported = new Map<NeededTopic, string>()
    while (this.#problems.size > 0 && !signal.aborted) {
      const missing = [...this.#problems.keys()]
      try {
        const found = await this.#probe.look(missing.map(({ topic }) => topic))
        for (const needed of missing) this.#take(needed, found.find(({ topic }) => topic === needed.topic), reported)
      } catch (error) {
        for (const needed of missing) this.#problems.set(needed, `Kafka did not answer a query for the topic ${needed.topic} (${needed.setting}): ${(error as Error).message}`)
      }
      if (this.#problems.size > 0) await delay(INTERVAL_MS, undefined, { signal }).catch(() => {})
    }
    await this.#probe.close()
  }

  /** @param access undefined: its state is unknown now, because it has no leader */
  #take (needed: NeededTopic, access: TopicAccess | undefined, reported: Map<NeededTopic, string>): void {
    const { setting, topic, right } = needed
    if (access === undefined) {
      this.#problems.set(needed, `the topic ${topic} of ${setting} has no leader now`)
      return
    }
    const reason = right === 'read' ? access.readProblem : access.writeProblem
    if (reason === undefined) {
      this.#problems.delete(needed)
      return
    }
    const found = reason === FORBIDDEN ? `that this client may not ${right === 'read' ? 'read it' : 'write to it'}` : 'no such topic'
    const problem = `expected the topic ${topic} of ${setting}, found ${found} (${reason})`
    this.#problems.set(needed, problem)
    if (reported.get(needed) === reason) return
    reported.set(needed, reason)
    const state = reason === FORBIDDEN ? 'forbidden' : 'missing'
    this.#logger.error({ event: state === 'missing' ? 'topic_missing' : 'topic_forbidden', setting, topic, right, detail: `${problem}; create it or grant it, or correct ${setting}` },
      `a topic of the settings is ${state}: not ready until it can be used`)
  }
}
