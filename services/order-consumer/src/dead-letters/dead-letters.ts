import {
  openPlainPublisher, PublishUncertainError, recordBytes, RecordRefusedError, splitIntoSends,
  type ConsumedRecord, type EventRecord, type KafkaConnection, type PlainPublisher
} from '@orders/kafka'
import type { DeadLetterInfo } from './headers.ts'
import { lettersFor } from './stand-in.ts'

const SEND_DEADLINE_MS = 5_000
/** Probably below any topic's `max.message.bytes`. A single record may be larger. */
export const MAX_SEND_BYTES = 262_144
/** Above this size, the size and not an outage may be the cause of a timeout. */
const LARGE_BYTES = 1_048_576
const LARGE_ATTEMPTS = 3

export interface DeadLetterRecord extends DeadLetterInfo {
  record: ConsumedRecord
}

export interface PublishedLetter extends DeadLetterRecord {
  /** Set if a stand-in was published: why Kafka refused the record itself. */
  refused?: string
}

/**
 * Publishes records that can never be applied on the dead-letter topic, unchanged, with the reason in headers.
 *
 * If Kafka refuses a record there, for example as too large, a stand-in takes its place: origin, reason, and the length, SHA-256
 * and beginning of the value. So no record can stop its partition. An outage is not a refusal.
 *
 * Each record is published once, even if its batch comes again after an outage of Postgres. After a crash between the publish
 * and the commit of the offset it is there twice, with the same origin in its headers.
 */
export class DeadLetterTopic {
  readonly #connection: KafkaConnection
  readonly #topic: string
  readonly #published = new WeakSet<ConsumedRecord>()
  /** How often a large letter timed out. */
  readonly #late = new WeakMap<ConsumedRecord, number>()
  #publisher: PlainPublisher | undefined

  constructor (connection: KafkaConnection, topic: string) {
    this.#connection = connection
    this.#topic = topic
  }

  /**
   * @returns the letters that were not published before
   * @throws PublishError if Kafka is unavailable, or the topic is missing or forbidden: then no offset may be committed
   */
  async publish (letters: readonly DeadLetterRecord[]): Promise<PublishedLetter[]> {
    const published: PublishedLetter[] = []
    const unpublished = letters.filter(({ record }) => !this.#published.has(record))
    for (const group of inSends(this.#topic, unpublished)) {
      const sent = await this.#publishTogether(group) ?? await this.#publishEach(group)
      for (const { record } of sent) this.#published.add(record)
      published.push(...sent)
    }
    return published
  }

  /** @returns undefined if Kafka refused one of them: it does not say which one */
  async #publishTogether (letters: readonly DeadLetterRecord[]): Promise<PublishedLetter[] | undefined> {
    try {
      await this.#send(letters.map((letter) => lettersFor(this.#topic, letter.record, letter)[0]!))
      return [...letters]
    } catch (error) {
      if (refusalOf(error) !== undefined) return undefined
      const [only] = letters
      if (letters.length === 1 && only !== undefined && this.#isLate(only.record, error)) return undefined
      throw error
    }
  }

  async #publishEach (letters: readonly DeadLetterRecord[]): Promise<PublishedLetter[]> {
    const published: PublishedLetter[] = []
    for (const letter of letters) {
      const refused = await this.#publishFullest(letter)
      this.#published.add(letter.record)
      published.push(refused === undefined ? letter : { ...letter, refused })
    }
    return published
  }

  /** Tries the most complete letter first. @returns why Kafka refused the record itself, if a stand-in was published */
  async #publishFullest ({ record, ...info }: DeadLetterRecord): Promise<string | undefined> {
    let refused: string | undefined
    let lastError: unknown
    for (const letter of lettersFor(this.#topic, record, info)) {
      try {
        await this.#send([letter])
        return refused
      } catch (error) {
        const refusal = refusalOf(error) ?? (refused === undefined && this.#wasLate(record) ? 'it timed out repeatedly' : undefined)
        if (refusal === undefined) throw error
        refused ??= refusal
        lastError = error
      }
    }
    throw lastError
  }

  async #send (records: readonly EventRecord[]): Promise<void> {
    this.#publisher ??= await openPlainPublisher(this.#connection, { sendDeadlineMs: SEND_DEADLINE_MS, maxSendBytes: MAX_SEND_BYTES })
    try {
      await this.#publisher.publish(records)
    } catch (error) {
      // Never reuse a publisher after a failure.
      await this.close()
      throw error
    }
  }

  /** A letter that is too large to be sent in time looks like an outage. In an outage the stand-in fails too. */
  #isLate (record: ConsumedRecord, error: unknown): boolean {
    if (!(error instanceof PublishUncertainError) || recordBytes({ ...record, topic: this.#topic }) < LARGE_BYTES) return false
    this.#late.set(record, (this.#late.get(record) ?? 0) + 1)
    return this.#wasLate(record)
  }

  #wasLate (record: ConsumedRecord): boolean {
    return (this.#late.get(record) ?? 0) >= LARGE_ATTEMPTS
  }

  async close (): Promise<void> {
    const publisher = this.#publisher
    this.#publisher = undefined
    await publisher?.close()
  }
}

/** Groups of one send each. If one group is refused, the other groups are not sent again. */
function inSends (topic: string, letters: readonly DeadLetterRecord[]): DeadLetterRecord[][] {
  const byRecord = new Map(letters.map((letter) => [lettersFor(topic, letter.record, letter)[0]!, letter]))
  return splitIntoSends([...byRecord.keys()], MAX_SEND_BYTES).map((send) => send.map((record) => byRecord.get(record)!))
}

/** The reason if Kafka will never accept this letter. A missing or forbidden topic is not such a reason: it can be corrected. */
function refusalOf (error: unknown): string | undefined {
  if (error instanceof RecordRefusedError) return error.reason
  // The record cannot be encoded: a retry would fail too.
  const cause = (error as Error).cause
  return cause instanceof TypeError || cause instanceof RangeError ? cause.message : undefined
}
