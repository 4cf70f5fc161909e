import { setTimeout as delay } from 'node:timers/promises'

/** So many foreign positions … */
const LIMIT = 3
/** … within so long are no restore any more. */
const WINDOW_MS = 600_000
const FIRST_PAUSE_MS = 10_000
/** Shorter than people wait before they look: the other database may be gone. */
const LONGEST_PAUSE_MS = 120_000

/** Take-over after take-over finds the position of another database: two databases share RELAY_NAME on one Kafka. */
export class SharedNameError extends Error {
  readonly code = 'RELAY_NAME_SHARED'

  constructor (relayName: string, shard: number, pauseMs: number) {
    super(`shard ${shard}: expected RELAY_NAME ${relayName} to be used by one database only on this Kafka, found the position of another one in ${LIMIT} take-overs: ` +
      `give the relay of one of the two databases another RELAY_NAME. Nothing is lost; publishing is tried again in ${Math.round(pauseMs / 1_000)} s`)
    this.name = 'SharedNameError'
  }
}

/**
 * Counts the foreign positions of one shard. One for each restore is right. Again and again they mean that two relays fence each
 * other, and both repeat batches: then this one stays away for a while, longer each time, and the other one can work.
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

  /** @throws SharedNameError when it is one too many */
  note (now = performance.now()): void {
    // The other database was quiet for so long, and the next pause need not be as long as the last.
    if (now - this.#lastAt >= WINDOW_MS) this.#steppedDown = 0
    this.#lastAt = now
    this.#foundAt = [...this.#foundAt.filter((at) => now - at < WINDOW_MS), now]
    if (this.#foundAt.length < LIMIT) return
    this.#foundAt = []
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#steppedDown++, LONGEST_PAUSE_MS)
    this.#pausedUntil = now + pauseMs
    throw new SharedNameError(this.#relayName, this.#shard, pauseMs)
  }

  /** Resolves when publishing may be tried again, at the latest when `signal` is aborted. */
  async pause (signal: AbortSignal): Promise<void> {
    const ms = this.#pausedUntil - performance.now()
    if (ms > 0) await delay(ms, undefined, { signal }).catch(() => {})
  }
}
