/** The same line again is not worth more often: in an outage kafkajs repeats itself several times a second. */
const REPEAT_AFTER_MS = 30_000
const MAX_KEYS = 1_000

/** Lets a log line through once in 30 seconds, by its key. */
export class LogLimit {
  readonly #lastLogged = new Map<string, number>()
  readonly #now: () => number

  constructor (now = () => performance.now()) {
    this.#now = now
  }

  allows (key: string): boolean {
    const now = this.#now()
    if (now - (this.#lastLogged.get(key) ?? -Infinity) < REPEAT_AFTER_MS) return false
    if (this.#lastLogged.size >= MAX_KEYS) this.#lastLogged.clear()
    this.#lastLogged.set(key, now)
    return true
  }
}
