import type { Consumer } from '../kafkajs/index.ts'

/** More than kafkajs's own timeouts and pauses add up to. */
const INACTIVITY_LIMIT_MS = 90_000

/**
 * Readiness and liveness of a consumer. kafkajs has been seen to stop consuming without an error, in a process that looked healthy.
 *
 * A crash counts as activity: in an outage of Kafka nothing else happens, and a restart of the process would not help. A heartbeat
 * does not count: heartbeats go on while a handler hangs.
 */
export class ConsumerHealth {
  readonly #inactivityLimitMs: number
  readonly #now: () => number
  #lastActivity: number
  #member = false
  #everJoined = false
  #lastFailure: string | undefined
  /** Partitions whose next batch cannot be read. */
  readonly #unreadable = new Set<string>()

  /** @param rebalanceTimeoutMs how long a member that joins its group may have to wait for the others */
  constructor (consumer: Pick<Consumer, 'on' | 'events'>, rebalanceTimeoutMs: number, now = () => performance.now()) {
    this.#inactivityLimitMs = INACTIVITY_LIMIT_MS + rebalanceTimeoutMs
    this.#now = now
    this.#lastActivity = now()
    const { FETCH, END_BATCH_PROCESS, GROUP_JOIN, REBALANCING, CONNECT, CRASH, DISCONNECT, STOP, REQUEST_TIMEOUT } = consumer.events
    const active = () => { this.markActive() }
    consumer.on(FETCH, active)
    consumer.on(END_BATCH_PROCESS, active)
    consumer.on(REBALANCING, active)
    consumer.on(CONNECT, active)
    consumer.on(REQUEST_TIMEOUT, active)
    consumer.on(GROUP_JOIN, () => {
      active()
      this.#member = true
      this.#everJoined = true
      // The partitions may belong to another member now.
      this.#unreadable.clear()
    })
    consumer.on(CRASH, () => { active(); this.#member = false })
    consumer.on(DISCONNECT, () => { this.#member = false })
    consumer.on(STOP, () => { this.#member = false })
  }

  /** The consumer is working. A failed attempt counts too. */
  markActive (): void {
    this.#lastActivity = this.#now()
  }

  /** An attempt to start failed, and is retried. {@link assertJoined} reports the error. */
  startFailed (error: Error): void {
    this.markActive()
    this.#lastFailure = error.message
  }

  /** The next batch of the partition cannot be read. @returns whether that is new */
  markUnreadable (topic: string, partition: number): boolean {
    const known = this.#unreadable.size
    return this.#unreadable.add(`${topic} ${partition}`).size > known
  }

  /** @returns whether the partition was unreadable until now */
  markReadable (topic: string, partition: number): boolean {
    return this.#unreadable.delete(`${topic} ${partition}`)
  }

  /** The number of partitions whose next batch cannot be read, for a metric. */
  get unreadablePartitions (): number {
    return this.#unreadable.size
  }

  /** Whether the consumer is a member of its group now, for a metric. */
  get member (): boolean {
    return this.#member
  }

  /**
   * For readiness: passes once the consumer has joined its group, and from then on. If it required membership now, an outage of
   * Kafka would make every replica unready at once, although requests can be served without Kafka.
   *
   * @throws Error when the consumer has never been a member of its group
   */
  assertJoined (): void {
    if (this.#everJoined) return
    throw new Error(`not yet a member of the consumer group${this.#lastFailure === undefined ? '' : `: ${this.#lastFailure}`}`)
  }

  /** For liveness. @throws Error when there was no activity for too long */
  assertAlive (): void {
    const inactiveMs = Math.round(this.#now() - this.#lastActivity)
    if (inactiveMs > this.#inactivityLimitMs) throw new Error(`expected activity of the consumer every ${this.#inactivityLimitMs} ms, found none for ${inactiveMs} ms`)
  }
}
