import { uptime } from 'node:os'

/** The elector's only source of time; tests replace it. */
export interface Clock {
  /** Milliseconds on a monotonic clock. Lease ages are measured on this clock only. */
  now: () => number
  /** Calls `fire` once, after `ms` at the earliest. @returns a function that cancels the timer */
  setTimer: (ms: number, fire: () => void) => () => void
  /** The date, for people who read the record. No decision depends on it. */
  date: () => Date
}

/**
 * This machine's clock. `performance.now()` ignores changes of the date, but stands still while the machine is suspended: a
 * leader that wakes up would take its last renewal for recent. The time since boot goes on, so the difference is added.
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
    // The time since boot has a resolution of 10 ms: smaller differences are noise.
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
