export interface BackoffOptions {
  minMs: number
  maxMs: number
  random?: () => number
}

/** Exponential, with full jitter above the minimum: relays that lost the same broker must not come back at the same moment. */
export class Backoff {
  readonly #options: BackoffOptions
  #attempts = 0

  constructor (options: BackoffOptions) {
    this.#options = options
  }

  /** How long to wait before the next attempt, in milliseconds. */
  nextDelayMs (): number {
    const { minMs, maxMs, random = Math.random } = this.#options
    const ceiling = Math.min(maxMs, minMs * 2 ** this.#attempts)
    this.#attempts = Math.min(this.#attempts + 1, 30)
    return minMs + random() * (ceiling - minMs)
  }

  reset (): void {
    this.#attempts = 0
  }
}
