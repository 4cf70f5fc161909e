import { openPlainPublisher, type ConsumedRecord, type EventRecord, type KafkaConnection, type PlainPublisher } from '@orders/kafka'

const SEND_DEADLINE_MS = 5_000
const MAX_REASON_LENGTH = 1_000
/** All that one publish sends to a partition is one batch for Kafka, which may not exceed its limit for a single record. */
const MAX_PUBLISH_BYTES = 256 * 1_024

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
 *
 * Once for each record that was read: the same one given again, because Postgres was away after it, is not sent again.
 * After a crash between this and the commit of the offset it is there twice, with the same origin in its headers.
 */
export class DeadLetterTopic {
  readonly #connection: KafkaConnection
  readonly #topic: string
  readonly #published = new WeakSet<ConsumedRecord>()
  #publisher: PlainPublisher | undefined

  constructor (connection: KafkaConnection, topic: string) {
    this.#connection = connection
    this.#topic = topic
  }

  /** @returns those that were not there yet. @throws PublishError and then nothing may be committed */
  async publish (letters: readonly DeadLetterRecord[]): Promise<DeadLetterRecord[]> {
    const unpublished = letters.filter(({ record }) => !this.#published.has(record))
    for (const part of partsOf(unpublished)) {
      await this.#send(part.map((letter) => this.#toRecord(letter)))
      for (const { record } of part) this.#published.add(record)
    }
    return unpublished
  }

  async close (): Promise<void> {
    const publisher = this.#publisher
    this.#publisher = undefined
    await publisher?.close()
  }

  async #send (records: readonly EventRecord[]): Promise<void> {
    this.#publisher ??= await openPlainPublisher(this.#connection, { sendDeadlineMs: SEND_DEADLINE_MS })
    try {
      await this.#publisher.publish(records)
    } catch (error) {
      // A publisher is not used again after a failure.
      await this.close()
      throw error
    }
  }

  #toRecord ({ record, origin, reason, message }: DeadLetterRecord): EventRecord {
    const headers: EventRecord['headers'] = {}
    for (const [name, value] of Object.entries(record.headers ?? {})) {
      if (value !== undefined) headers[name] = value
    }
    return {
      topic: this.#topic,
      key: record.key,
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

function partsOf (letters: readonly DeadLetterRecord[]): DeadLetterRecord[][] {
  const parts: DeadLetterRecord[][] = []
  let bytes = Infinity
  for (const letter of letters) {
    const size = sizeOf(letter)
    if (bytes + size > MAX_PUBLISH_BYTES) {
      parts.push([])
      bytes = 0
    }
    parts.at(-1)?.push(letter)
    bytes += size
  }
  return parts
}

function sizeOf ({ record: { key, value, headers = {} }, message }: DeadLetterRecord): number {
  const headerBytes = Object.values(headers).flat().reduce((sum, header) => sum + (header?.length ?? 0), 0)
  return (key?.length ?? 0) + (value?.length ?? 0) + headerBytes + message.length
}
