import type { Consumer } from 'kafkajs'

/** Longer without any sign of life than kafkajs's own time-outs and pauses add up to. */
const SILENCE_LIMIT_MS = 90_000

/**
 * Whether a consumer still does something. kafkajs has been seen to stop without a word, with the process healthy.
 *
 * A crash counts as a sign of life: in an outage of Kafka it is all that happens, and a restart would not help. A
 * heartbeat does not: it goes on while a handler hangs.
 */
export class ConsumerHealth {
  readonly #silenceLimitMs: number
  readonly #now: () => number
  #lastSign: number
  #member = false
  #everJoined = false
  #lastFailure: string | undefined
  /** Partitions whose next batch cannot be read. */
  readonly #unreadable = new Set<string>()

  /** @param rebalanceTimeoutMs a member that joins its group may have to wait this long for the others */
  constructor (consumer: Pick<Consumer, 'on' | 'events'>, rebalanceTimeoutMs: number, now = () => performance.now()) {
    this.#silenceLimitMs = SILENCE_LIMIT_MS + rebalanceTimeoutMs
    this.#now = now
    this.#lastSign = now()
    const { FETCH, END_BATCH_PROCESS, GROUP_JOIN, REBALANCING, CONNECT, CRASH, DISCONNECT, STOP, REQUEST_TIMEOUT } = consumer.events
    const sign = () => { this.sign() }
    consumer.on(FETCH, sign)
    consumer.on(END_BATCH_PROCESS, sign)
    consumer.on(REBALANCING, sign)
    consumer.on(CONNECT, sign)
    consumer.on(REQUEST_TIMEOUT, sign)
    consumer.on(GROUP_JOIN, () => {
      sign()
      this.#member = true
      this.#everJoined = true
      // Some of them may be another member's now.
      this.#unreadable.clear()
    })
    consumer.on(CRASH, () => { sign(); this.#member = false })
    consumer.on(DISCONNECT, () => { this.#member = false })
    consumer.on(STOP, () => { this.#member = false })
  }

  /** Something happened that shows that the consumer is at work: also an attempt that failed. */
  sign (): void {
    this.#lastSign = this.#now()
  }

  /** An attempt to begin failed, and is repeated: what {@link assertJoined} gives as the reason. */
  startFailed (error: Error): void {
    this.sign()
    this.#lastFailure = error.message
  }

  /** @returns whether that is new */
  unreadable (topic: string, partition: number): boolean {
    const known = this.#unreadable.size
    return this.#unreadable.add(`${topic} ${partition}`).size > known
  }

  /** @returns whether that is new */
  readable (topic: string, partition: number): boolean {
    return this.#unreadable.delete(`${topic} ${partition}`)
  }

  /** Of how many partitions the next batch cannot be read, for a metric. */
  get unreadablePartitions (): number {
    return this.#unreadable.size
  }

  /** Whether it is a member of its group now, for a metric. */
  get member (): boolean {
    return this.#member
  }

  /**
   * For readiness: the start is over. Not whether it is a member now: an outage of Kafka would then take away, on every
   * replica at once, what can be served without Kafka.
   *
   * @throws when the consumer has never been a member of its group
   */
  assertJoined (): void {
    if (this.#everJoined) return
    throw new Error(`not yet a member of the consumer group${this.#lastFailure === undefined ? '' : `: ${this.#lastFailure}`}`)
  }

  /** For liveness. @throws when nothing has happened for too long */
  assertAlive (): void {
    const silentMs = Math.round(this.#now() - this.#lastSign)
    if (silentMs > this.#silenceLimitMs) throw new Error(`expected a sign of life every ${this.#silenceLimitMs} ms, the last was ${silentMs} ms ago`)
  }
}
