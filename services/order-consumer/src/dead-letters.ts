import { openPlainPublisher, type ConsumedRecord, type EventRecord, type KafkaConnection, type PlainPublisher } from '@orders/kafka'

const SEND_DEADLINE_MS = 5_000
const MAX_REASON_LENGTH = 1_000

export interface Origin {
  topic: string
  partition: number
  offset: string
}

export interface DeadLetterRecord {
  record: ConsumedRecord
  origin: Origin
  reason: string
  message: string
}

/**
 * Puts records that can never be applied on the dead-letter topic, unchanged, with the reason in headers.
 * At least once: after a crash between this and the commit of the offset, a record is there twice.
 */
export class DeadLetterTopic {
  readonly #connection: KafkaConnection
  readonly #topic: string
  #publisher: PlainPublisher | undefined

  constructor (connection: KafkaConnection, topic: string) {
    this.#connection = connection
    this.#topic = topic
  }

  /** @throws PublishError and then nothing may be committed */
  async publish (letters: readonly DeadLetterRecord[]): Promise<void> {
    this.#publisher ??= await openPlainPublisher(this.#connection, { sendDeadlineMs: SEND_DEADLINE_MS })
    try {
      await this.#publisher.publish(letters.map((letter) => this.#toRecord(letter)))
    } catch (error) {
      // A publisher is not used again after a failure.
      await this.close()
      throw error
    }
  }

  async close (): Promise<void> {
    const publisher = this.#publisher
    this.#publisher = undefined
    await publisher?.close()
  }

  #toRecord ({ record, origin, reason, message }: DeadLetterRecord): EventRecord {
    const headers: Record<string, string | Buffer> = {}
    for (const [name, value] of Object.entries(record.headers ?? {})) {
      if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
    }
    return {
      topic: this.#topic,
      key: record.key === null ? null : record.key.toString(),
      value: record.value,
      headers: {
        ...headers,
        'x-dead-letter-reason': reason,
        'x-dead-letter-message': message.slice(0, MAX_REASON_LENGTH),
        'x-dead-letter-topic': origin.topic,
        'x-dead-letter-partition': String(origin.partition),
        'x-dead-letter-offset': origin.offset
      }
    }
  }
}
