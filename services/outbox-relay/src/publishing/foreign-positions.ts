import { setTimeout as delay } from 'node:timers/promises'
import { StepDownError } from './step-down-error.ts'

/** This many foreign positions within the window are no restore any more: two databases share RELAY_NAME. */
const LIMIT = 3
const WINDOW_MS = 600_000
const FIRST_PAUSE_MS = 10_000
/** The other database may be gone meanwhile: the relay publishes again before an operator looks. */
const LONGEST_PAUSE_MS = 120_000

/** Several takeovers have found the position of another database: two databases share RELAY_NAME on one Kafka. */
export class SharedNameError extends StepDownError {
  readonly code = 'RELAY_NAME_SHARED'

  constructor (relayName: string, shard: number, pauseMs: number) {
    super(`shard ${shard}: expected RELAY_NAME ${relayName} to be used by one database only on this Kafka, found the position of another one in ${LIMIT} takeovers: ` +
      `give the relay of one of the two databases another RELAY_NAME. Nothing is lost; publishing is tried again in ${Math.round(pauseMs / 1_000)} s`)
    this.name = 'SharedNameError'
  }
}

/**
 * Counts the foreign positions of one shard. One for each restore is expected. Repeated ones mean that two relays fence each other and
 * both repeat batches. Then this relay pauses, longer each time, and the other one can work.
 */
export class ForeignPositions {
  readonly #relayName: string
  readonly #shard: number
  #foundAt: number[] = []
  #lastAt = -Infinity
  #steppedDown = 0
  #pausedUntil = 0

  constructor (relayName: string, shard: number) {
    this.#relayName = relayName
    this.#shard = shard
  }

  /** @throws SharedNameError at the third one within ten minutes */
  note (now = performance.now()): void {
    // The other database has been quiet for the whole window: the next pause is a first one again.
    if (now - this.#lastAt >= WINDOW_MS) this.#steppedDown = 0
    this.#lastAt = now
    this.#foundAt = [...this.#foundAt.filter((at) => now - at < WINDOW_MS), now]
    if (this.#foundAt.length < LIMIT) return
    this.#foundAt = []
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#steppedDown++, LONGEST_PAUSE_MS)
    this.#pausedUntil = now + pauseMs
    throw new SharedNameError(this.#relayName, this.#shard, pauseMs)
  }

  /** Resolves when the pause is over, or when `signal` is aborted. */
  async pause (signal: AbortSignal): Promise<void> {
    const ms = this.#pausedUntil - performance.now()
    if (ms > 0) await delay(ms, undefined, { signal }).catch(() => {})
  }
}
