import { setTimeout as delay } from 'node:timers/promises'
import type { TopicAccess, TopicProbe, TopicUnavailableError } from '@orders/kafka'
import type { TypeFilter } from '@orders/outbox'
import type { Logger } from 'pino'
import type { Batch } from './batch.ts'
import { hintFor } from './failure-hints.ts'
import type { TopicMap } from './topics.ts'

export interface TopicGateOptions {
  topics: TopicMap
  /** The topic that the position is committed for; undefined: at least once, which has no position. */
  positionTopic: string | undefined
  probe: TopicProbe
  /** After a topic has been withheld for this long, its events become dead letters. undefined: never. */
  graceMs: number | undefined
  logger: Logger
  /** Called each time that a topic is withheld or comes back. */
  onChange?: (topic: string, isWithheld: boolean) => void
}

interface Withheld {
  reason: string
  since: number
  /** Metadata can report a topic as usable while sends to it are refused. Then it is tried again after longer and longer pauses. */
  refusals: number
  notBefore: number
}

/** Between two metadata requests while no topic is withheld. */
const LOOK_EVERY_MS = 5_000
/** Between two metadata requests while a topic is withheld. Short at first: a broker that has just started knows no topics for a moment. */
const FIRST_LOOK_AFTER_MS = 50
const LOOK_AGAIN_AT_MOST_MS = 1_000
/** After the first refusal of a send, and doubled by each further one. */
const TRY_AGAIN_AFTER_MS = 1_000
const TRY_AGAIN_AT_MOST_MS = 60_000
/** How long a takeover waits for the first answer. */
const FIRST_ANSWER_DEADLINE_MS = 1_000

/**
 * Knows which topics can be written to now. A topic that is missing or forbidden is withheld: the events of its aggregate types stay
 * in the outbox, unread, and those of all other types are published. Kafka's metadata tells when the topic can be used again.
 *
 * There is one for the process, whatever the number of shards. A standby asks Kafka too: after a takeover it knows at once what to
 * leave out, and its gauges tell events that wait for a topic from events that are stuck.
 */
export class TopicGate {
  readonly #options: TopicGateOptions
  readonly #withheld = new Map<string, Withheld>()
  readonly #refusals = new Map<string, number>()
  #positionProblem: string | undefined
  #types: TypeFilter | undefined
  #listeners: Array<() => void> = []
  #hurry = new AbortController()
  #look: Promise<void> | undefined
  #answered = false
  #complete = false
  #failure: string | undefined

  constructor (options: TopicGateOptions) {
    this.#options = options
    for (const topic of options.topics.all) options.onChange?.(topic, false)
  }

  /** The types to read now; undefined: all of them. */
  get types (): TypeFilter | undefined {
    return this.#types
  }

  /** The types of topics that have been withheld for longer than the grace period; undefined when there are none. */
  get expired (): TypeFilter | undefined {
    const { graceMs, topics } = this.#options
    if (graceMs === undefined || this.#withheld.size === 0) return undefined
    const now = performance.now()
    const late = [...this.#withheld].filter(([, { since }]) => now - since >= graceMs).map(([topic]) => topic)
    return late.length === 0 ? undefined : topics.typesOnly(new Set(late))
  }

  /** The reason why events of this type are withheld, with the setting to change; undefined when they are not. */
  reasonFor (aggregateType: string): string | undefined {
    const { topics } = this.#options
    const topic = topics.topicOf(aggregateType)
    const withheld = this.#withheld.get(topic)
    return withheld && `${withheld.reason}: topic ${topic} (${topics.settingsOf(topic)})`
  }

  /** @throws Error until every topic has been found once, with the rights that the relay needs */
  assertFound (): void {
    if (this.#complete) return
    if (!this.#answered) throw new Error(this.#failure ?? 'Kafka was not reached yet (KAFKA_BROKERS)')
    throw new Error(this.#problems().join('; '))
  }

  /** The listener is called when a topic has come back. */
  onBack (listener: () => void): void {
    this.#listeners.push(listener)
  }

  /**
   * Withholds the topics that a failed send names.
   *
   * @returns whether one of them is newly withheld: then a new term can begin without a pause, and leaves it out
   */
  withhold ({ topics }: TopicUnavailableError): boolean {
    let isNews = false
    for (const { topic, reason, isPosition } of topics) {
      if (isPosition) {
        this.#positionIs(reason)
        continue
      }
      isNews ||= !this.#withheld.has(topic)
      const refusals = (this.#refusals.get(topic) ?? 0) + 1
      this.#refusals.set(topic, refusals)
      const notBefore = performance.now() + Math.min(TRY_AGAIN_AFTER_MS * 2 ** (refusals - 1), TRY_AGAIN_AT_MOST_MS)
      this.#add(topic, reason, { refusals, notBefore })
    }
    this.#hurry.abort()
    return isNews
  }

  /**
   * Resolves when a takeover can begin. Kafka has answered once, or does not answer, which the takeover will find out by itself. And
   * the topic of the position is there: without it, nothing could be published.
   *
   * @returns whether it waited for the topic of the position
   */
  async ready (signal: AbortSignal): Promise<boolean> {
    if (!this.#answered) await Promise.race([this.look(), delay(FIRST_ANSWER_DEADLINE_MS, undefined, { signal, ref: false }).catch(() => {})])
    if (this.#positionProblem === undefined) return false
    for (let pauseMs = FIRST_LOOK_AFTER_MS; this.#positionProblem !== undefined && !signal.aborted; pauseMs = Math.min(pauseMs * 2, LOOK_AGAIN_AT_MOST_MS)) {
      await delay(pauseMs, undefined, { signal }).catch(() => {})
      await this.look()
    }
    return true
  }

  /** Kafka took the batch: forgets earlier refusals of its topics. */
  written ({ records }: Batch): void {
    if (this.#refusals.size > 0) for (const { topic } of records) this.#refusals.delete(topic)
  }

  /** Asks Kafka about the topics again and again, until `signal` is aborted. */
  async run (signal: AbortSignal): Promise<void> {
    let pauseMs = LOOK_EVERY_MS
    while (!signal.aborted) {
      const hurry = this.#hurry = new AbortController()
      await this.look()
      if (this.#isOpen) pauseMs = LOOK_EVERY_MS
      else pauseMs = pauseMs > LOOK_AGAIN_AT_MOST_MS ? FIRST_LOOK_AFTER_MS : Math.min(pauseMs * 2, LOOK_AGAIN_AT_MOST_MS)
      await delay(pauseMs, undefined, { signal: AbortSignal.any([signal, hurry.signal]) }).catch(() => {})
      // A send was refused: its topic may be back in a moment.
      if (hurry.signal.aborted) pauseMs = FIRST_LOOK_AFTER_MS
    }
    await this.#options.probe.close()
  }

  /** Asks Kafka about every topic now. Never throws: a missing answer tells nothing about a topic. */
  async look (): Promise<void> {
    this.#look ??= this.#lookOnce().finally(() => { this.#look = undefined })
    await this.#look
  }

  get #isOpen (): boolean {
    return this.#complete && this.#withheld.size === 0 && this.#positionProblem === undefined
  }

  async #lookOnce (): Promise<void> {
    const { logger, probe, topics } = this.#options
    let found: TopicAccess[]
    try {
      found = await probe.look(topics.all)
    } catch (error) {
      const failure = `Kafka did not answer a request for its topics: ${(error as Error).message}${hintFor(error)}`
      if (!this.#answered && failure !== this.#failure) logger.warn({ event: 'kafka_not_reached', err: error }, failure)
      this.#failure = failure
      return
    }
    this.#answered = true
    this.#failure = undefined
    for (const access of found) this.#take(access)
    if (found.length === topics.all.length && this.#problems().length === 0) this.#complete = true
  }

  #take ({ topic, writeProblem, readProblem }: TopicAccess): void {
    if (topic === this.#options.positionTopic) this.#positionIs(readProblem)
    if (writeProblem !== undefined) {
      this.#add(topic, writeProblem)
      return
    }
    const withheld = this.#withheld.get(topic)
    if (withheld !== undefined && performance.now() >= withheld.notBefore) this.#remove(topic)
  }

  #positionIs (problem: string | undefined): void {
    const { logger, positionTopic: topic, topics } = this.#options
    if (topic === undefined || problem === this.#positionProblem) return
    this.#positionProblem = problem
    const settings = topics.settingsOf(topic)
    if (problem === undefined) {
      logger.info({ event: 'position_topic_back', topic }, `topic ${topic} is there: the position can be committed again`)
    } else {
      logger.error({ event: 'position_topic_unavailable', topic, reason: problem, settings },
        `nothing is published, because the position cannot be committed: expected topic ${topic} (${settings}) with the right to read it, found ${problem}`)
    }
  }

  #add (topic: string, reason: string, { refusals = 0, notBefore = 0 } = {}): void {
    const { logger, onChange, topics } = this.#options
    const known = this.#withheld.get(topic)
    if (known !== undefined) {
      Object.assign(known, { reason, refusals: Math.max(known.refusals, refusals), notBefore: Math.max(known.notBefore, notBefore) })
      return
    }
    this.#withheld.set(topic, { reason, refusals, notBefore, since: performance.now() })
    this.#update()
    onChange?.(topic, true)
    logger.error({ event: 'topic_withheld', topic, reason, types: topics.typesOf(topic), settings: topics.settingsOf(topic) },
      `topic ${topic} (${topics.settingsOf(topic)}) cannot be written to: ${reason}. Its events wait in the outbox, all others are published`)
  }

  #remove (topic: string): void {
    const { logger, onChange, topics } = this.#options
    const withheldMs = Math.round(performance.now() - (this.#withheld.get(topic)?.since ?? 0))
    this.#withheld.delete(topic)
    this.#update()
    onChange?.(topic, false)
    logger.info({ event: 'topic_back', topic, types: topics.typesOf(topic), withheldMs }, `topic ${topic} can be written to again: its events are published`)
    for (const listener of this.#listeners) listener()
  }

  #update (): void {
    this.#types = this.#options.topics.typesWithout(new Set(this.#withheld.keys()))
  }

  #problems (): string[] {
    const { positionTopic, topics } = this.#options
    const problems = [...this.#withheld].map(([topic, { reason }]) => `topic ${topic} (${topics.settingsOf(topic)}): ${reason}`)
    if (this.#positionProblem !== undefined && positionTopic !== undefined) problems.push(`the position needs the right to read topic ${positionTopic} (${topics.settingsOf(positionTopic)}): ${this.#positionProblem}`)
    return problems
  }
}
