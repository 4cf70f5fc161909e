import { setTimeout as delay } from 'node:timers/promises'

/** What the publish loop waits for when the outbox is empty: a hint from a writer, or the time of the next poll. */
export class Wakeups {
  #woken = false
  #sweep = false
  #wake: () => void = () => {}

  /** @param sweep whether an event may have come back under an id that was passed already */
  notify (sweep: boolean): void {
    this.#woken = true
    this.#sweep ||= sweep
    this.#wake()
  }

  /** True once after a wake-up that asked for a sweep. */
  takeSweep (): boolean {
    const sweep = this.#sweep
    this.#sweep = false
    return sweep
  }

  /**
   * Forgets the hints so far. Called before a read, not after it: a hint that arrives during the read may be about an
   * event that the read did not see.
   */
  forget (): void {
    this.#woken = false
  }

  /** Resolves at a hint since the last {@link Wakeups.forget}, after the poll interval, or on abort. */
  async wait (pollIntervalMs: number, signal: AbortSignal): Promise<void> {
    if (this.#woken || signal.aborted) return
    const done = new AbortController()
    this.#wake = () => { done.abort() }
    await delay(pollIntervalMs, undefined, { signal: AbortSignal.any([signal, done.signal]) }).catch(() => {})
    this.#wake = () => {}
  }
}
