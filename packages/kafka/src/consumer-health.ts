import type { Consumer } from 'kafkajs'

/** Longer without any sign of life than kafkajs's own time-outs and pauses add up to. */
const SILENCE_LIMIT_MS = 90_000

/**
 * Whether a consumer still does something. kafkajs has been seen to stop without a word, with the process healthy.
 *
 * A crash counts as a sign of life: in an outage of Kafka it is all that happens, and a restart would not help.
 */
export class ConsumerHealth {
  #lastSign = performance.now()
  #joined = false

  constructor (consumer: Consumer) {
    const { HEARTBEAT, FETCH, END_BATCH_PROCESS, GROUP_JOIN, REBALANCING, CONNECT, CRASH, DISCONNECT, STOP } = consumer.events
    const sign = () => { this.#lastSign = performance.now() }
    consumer.on(HEARTBEAT, sign)
    consumer.on(FETCH, sign)
    consumer.on(END_BATCH_PROCESS, sign)
    consumer.on(REBALANCING, sign)
    consumer.on(CONNECT, sign)
    consumer.on(GROUP_JOIN, () => { sign(); this.#joined = true })
    consumer.on(CRASH, () => { sign(); this.#joined = false })
    consumer.on(DISCONNECT, () => { this.#joined = false })
    consumer.on(STOP, () => { this.#joined = false })
  }

  /** For readiness. @throws when the consumer is not a member of its group */
  assertJoined (): void {
    if (!this.#joined) throw new Error('not a member of the consumer group')
  }

  /** For liveness. @throws when nothing has happened for too long */
  assertAlive (): void {
    const silentMs = Math.round(performance.now() - this.#lastSign)
    if (silentMs > SILENCE_LIMIT_MS) throw new Error(`expected a sign of life every ${SILENCE_LIMIT_MS} ms, the last was ${silentMs} ms ago`)
  }
}
