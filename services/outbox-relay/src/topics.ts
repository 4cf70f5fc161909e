/** Which topic the events of an aggregate type go to. */
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

  /**
   * @param text `aggregateType=topic` pairs, separated by commas
   * @throws Error that says which pair is malformed
   */
  static parse (text: string, otherwise: string): TopicMap {
    const topics = new Map<string, string>()
    for (const pair of text.split(',').map((part) => part.trim()).filter((part) => part !== '')) {
      const [aggregateType = '', topic = '', ...rest] = pair.split('=').map((part) => part.trim())
      if (aggregateType === '' || rest.length > 0 || !TOPIC_NAME.test(topic)) {
        throw new Error(`expected aggregateType=topic pairs separated by commas, found ${JSON.stringify(pair)}`)
      }
      topics.set(aggregateType, topic)
    }
    return new TopicMap(topics, otherwise)
  }
}

// https://kafka.apache.org/documentation/#topicconfigs: what a broker accepts as a name.
const TOPIC_NAME = /^[a-zA-Z0-9._-]{1,249}$/
