import { openPlainPublisher, type ConsumedRecord, type KafkaConnection, type PlainPublisher } from '@orders/kafka'
import { addVerdict, type Verdict } from './dead-letter-headers.ts'

const SEND_DEADLINE_MS = 5_000
/** Less than any topic's `max.message.bytes` is likely to be; a single record may be larger. */
export const MAX_SEND_BYTES = 262_144

export interface DeadLetterRecord extends Verdict {
  record: ConsumedRecord
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
    if (unpublished.length === 0) return []
    this.#publisher ??= await openPlainPublisher(this.#connection, { sendDeadlineMs: SEND_DEADLINE_MS, maxSendBytes: MAX_SEND_BYTES })
    try {
      await this.#publisher.publish(unpublished.map(({ record: { key, value, headers }, ...verdict }) => ({
        topic: this.#topic, key, value, headers: addVerdict(headers, verdict)
      })))
    } catch (error) {
      // A publisher is not used again after a failure.
      await this.close()
      throw error
    }
    for (const { record } of unpublished) this.#published.add(record)
    return unpublished
  }

  async close (): Promise<void> {
    const publisher = this.#publisher
    this.#publisher = undefined
    await publisher?.close()
  }
}
