import { uptime } from 'node:os'

/** The elector's only source of time; a test puts its own in its place. */
export interface Clock {
  /** Milliseconds on a clock that only moves forward. Lease ages are counted on this one alone. */
  now: () => number
  /** Calls `fire` once, `ms` later at the earliest. @returns a function that cancels it */
  setTimer: (ms: number, fire: () => void) => () => void
  /** The date, for the people who read the record. No decision depends on it. */
  date: () => Date
}

/**
 * This machine's clock. `performance.now()` is immune to changes of the date, but stands still while the machine is
 * suspended: a leader that wakes up would think its renewal fresh. The time since boot goes on, so what it gained is added.
 */
export class SystemClock implements Clock {
  readonly #monotonicMs: () => number
  readonly #sinceBootMs: () => number
  readonly #bootedAtMs: number
  #suspendedMs = 0

  constructor (monotonicMs = () => performance.now(), sinceBootMs = () => uptime() * 1_000) {
    this.#monotonicMs = monotonicMs
    this.#sinceBootMs = sinceBootMs
    this.#bootedAtMs = sinceBootMs() - monotonicMs()
  }

  now (): number {
    const monotonicMs = this.#monotonicMs()
    const gainedMs = this.#sinceBootMs() - monotonicMs - this.#bootedAtMs
    // The time since boot has a resolution of 10 ms: smaller steps are noise.
    if (gainedMs > this.#suspendedMs + 50) this.#suspendedMs = gainedMs
    return monotonicMs + this.#suspendedMs
  }

  setTimer (ms: number, fire: () => void): () => void {
    const timer = setTimeout(fire, Math.ceil(Math.max(ms, 0)))
    return () => { clearTimeout(timer) }
  }

  date (): Date {
    return new Date()
  }
}

/** Resolves `ms` later, or as soon as `signal` is aborted. Never rejects. */
export function sleep (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const wake = () => {
      cancel()
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    const cancel = clock.setTimer(ms, wake)
    signal?.addEventListener('abort', wake)
  })
}
