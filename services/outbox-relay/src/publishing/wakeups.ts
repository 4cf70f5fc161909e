import { setTimeout as delay } from 'node:timers/promises'

/** The publish loop waits here while the outbox is empty: for a wake-up, or for the next poll. */
export class Wakeups {
  #woken = false
  #sweep = false
  #wake: () => void = () => {}

  /** @param sweep an event may have come back under an id that the reads have passed */
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
   * Forgets the wake-ups so far. Called before a read, not after it: a wake-up that arrives during the read may be about an event
   * that the read did not see.
   */
  forget (): void {
    this.#woken = false
  }

  /** Resolves on a wake-up since the last {@link Wakeups.forget}, after the poll interval, or on abort. */
  async wait (pollIntervalMs: number, signal: AbortSignal): Promise<void> {
    if (this.#woken || signal.aborted) return
    const done = new AbortController()
    this.#wake = () => { done.abort() }
    await delay(pollIntervalMs, undefined, { signal: AbortSignal.any([signal, done.signal]) }).catch(() => {})
    this.#wake = () => {}
  }
}
