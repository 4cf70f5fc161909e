import {
  openPlainPublisher, PublishUncertainError, recordBytes, RecordRefusedError, splitIntoSends,
  type ConsumedRecord, type EventRecord, type KafkaConnection, type PlainPublisher
} from '@orders/kafka'
import type { Verdict } from './headers.ts'
import { lettersFor } from './stand-in.ts'

const SEND_DEADLINE_MS = 5_000
/** Less than any topic's `max.message.bytes` is likely to be; a single record may be larger. */
export const MAX_SEND_BYTES = 262_144
/** Above, that a letter was not taken in time may be because of its size, and not an outage. */
const LARGE_BYTES = 1_048_576
const LARGE_ATTEMPTS = 3

export interface DeadLetterRecord extends Verdict {
  record: ConsumedRecord
}

export interface PublishedLetter extends DeadLetterRecord {
  /** What Kafka said to the record itself; a stand-in is there in its place then. */
  refused?: string
}

/**
 * Puts records that can never be applied on the dead-letter topic, unchanged, with the reason in headers.
 *
 * One that Kafka refuses there, as too large for example, is replaced by a stand-in with its origin, the reason, its
 * value's length, SHA-256 and beginning: whatever a record is, it must not stop its partition. An outage is no refusal.
 *
 * Once for each record that was read: the same one given again, because Postgres was away after it, is not sent again.
 * After a crash between this and the commit of the offset it is there twice, with the same origin in its headers.
 */
export class DeadLetterTopic {
  readonly #connection: KafkaConnection
  readonly #topic: string
  readonly #published = new WeakSet<ConsumedRecord>()
  /** How often a large letter was not taken in time, though smaller ones were. */
  readonly #late = new WeakMap<ConsumedRecord, number>()
  #publisher: PlainPublisher | undefined

  constructor (connection: KafkaConnection, topic: string) {
    this.#connection = connection
    this.#topic = topic
  }

  /**
   * @returns those that were not there yet
   * @throws PublishError and then nothing may be committed: Kafka is away, or the topic is missing or forbidden
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

  /** @returns undefined when Kafka refused one of them: which one is not known */
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

  /** @returns why it was not the record itself, if so */
  async #publishFullest ({ record, ...verdict }: DeadLetterRecord): Promise<string | undefined> {
    let refused: string | undefined
    let lastError: unknown
    for (const letter of lettersFor(this.#topic, record, verdict)) {
      try {
        await this.#send([letter])
        return refused
      } catch (error) {
        const refusal = refusalOf(error) ?? (refused === undefined && this.#wasLate(record) ? 'it was not taken in time' : undefined)
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
      // A publisher is not used again after a failure.
      await this.close()
      throw error
    }
  }

  /** Of an outage and of a letter that is too large to be sent in time the same is seen; in an outage the stand-in fails too. */
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

/** Groups that are one send each: of a group that was refused, none of another is sent again. */
function inSends (topic: string, letters: readonly DeadLetterRecord[]): DeadLetterRecord[][] {
  const byRecord = new Map(letters.map((letter) => [lettersFor(topic, letter.record, letter)[0]!, letter]))
  return splitIntoSends([...byRecord.keys()], MAX_SEND_BYTES).map((send) => send.map((record) => byRecord.get(record)!))
}

/** What says that Kafka will never take this letter. A topic that is missing or forbidden will take it when that is mended. */
function refusalOf (error: unknown): string | undefined {
  if (error instanceof RecordRefusedError) return error.reason
  // What cannot even be written as a record will not be the next time.
  const cause = (error as Error).cause
  return cause instanceof TypeError || cause instanceof RangeError ? cause.message : undefined
}
