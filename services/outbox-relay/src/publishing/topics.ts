import { TOPIC_NAME } from '@orders/kafka'
import type { TypeFilter } from '@orders/outbox'

/** The topic of each aggregate type. */
export class TopicMap {
  readonly #topics: ReadonlyMap<string, string>
  readonly #otherwise: string

  constructor (topics: ReadonlyMap<string, string>, otherwise: string) {
    this.#topics = topics
    this.#otherwise = otherwise
  }

  topicOf (aggregateType: string): string {
    return this.#topics.get(aggregateType) ?? this.#otherwise
  }

  /** Every topic, each once. */
  get all (): string[] {
    return [...new Set([this.#otherwise, ...this.#topics.values()])]
  }

  /** The settings that name the topic, for a message. */
  settingsOf (topic: string): string {
    const settings = [...this.#topics.values()].includes(topic) ? ['RELAY_TOPICS'] : []
    if (topic === this.#otherwise) settings.push('RELAY_DEFAULT_TOPIC')
    return settings.join(' and ')
  }

  /** The aggregate types of a topic, for a message. The default topic has every type that RELAY_TOPICS does not name. */
  typesOf (topic: string): string[] {
    const named = [...this.#topics].filter(([, of]) => of === topic).map(([type]) => type)
    return topic === this.#otherwise ? [...named, 'every type that RELAY_TOPICS does not name'] : named
  }

  /** The types to read while these topics cannot be written to; undefined: all of them. */
  typesWithout (topics: ReadonlySet<string>): TypeFilter | undefined {
    if (topics.size === 0) return undefined
    // The types of the default topic have no list: without that topic, the named types of other topics are read.
    if (topics.has(this.#otherwise)) return { only: this.#named((topic) => !topics.has(topic)) }
    return { except: this.#named((topic) => topics.has(topic)) }
  }

  /** The types of these topics, and no others. */
  typesOnly (topics: ReadonlySet<string>): TypeFilter {
    if (topics.has(this.#otherwise)) return { except: this.#named((topic) => !topics.has(topic)) }
    return { only: this.#named((topic) => topics.has(topic)) }
  }

  #named (isWanted: (topic: string) => boolean): string[] {
    return [...this.#topics].filter(([, topic]) => isWanted(topic)).map(([type]) => type)
  }

  /**
   * @param text `aggregateType=topic` pairs, separated by commas
   * @throws Error that names the malformed pair
   */
  static parse (text: string, otherwise: string): TopicMap {
    const topics = new Map<string, string>()
    for (const pair of text.split(',').map((part) => part.trim()).filter((part) => part !== '')) {
      const [aggregateType = '', topic = '', ...rest] = pair.split('=').map((part) => part.trim())
      if (aggregateType === '' || rest.length > 0 || !isTopicName(topic)) {
        throw new Error(`expected aggregateType=topic pairs separated by commas, found ${JSON.stringify(pair)}`)
      }
      if (topics.has(aggregateType)) throw new Error(`expected one topic for each aggregate type, found ${JSON.stringify(aggregateType)} twice`)
      topics.set(aggregateType, topic)
    }
    return new TopicMap(topics, otherwise)
  }
}

const NAME = new RegExp(TOPIC_NAME)

export function isTopicName (name: string): boolean {
  return NAME.test(name)
}
