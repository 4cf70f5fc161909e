import type { Clock } from '../../src/clock.ts'
import type { Scheduler } from './scheduler.ts'

export interface FakeClockOptions {
  /** How many of its milliseconds pass in one real millisecond. */
  rate?: number
  /** Its time at the start. */
  startsAt?: number
  /** The error of its date. */
  dateOffsetMs?: number
}

/** The clock of one process. Its timers wait while the process is frozen, and come first when it is thawed. */
export class FakeClock implements Clock {
  readonly #scheduler: Scheduler
  readonly #rate: number
  readonly #startsAt: number
  readonly #dateOffsetMs: number
  #frozen = false
  #due: Array<() => void> = []

  constructor (scheduler: Scheduler, { rate = 1, startsAt = 0, dateOffsetMs = 0 }: FakeClockOptions = {}) {
    this.#scheduler = scheduler
    this.#rate = rate
    this.#startsAt = startsAt - scheduler.now * rate
    this.#dateOffsetMs = dateOffsetMs
  }

  now (): number {
    return this.#startsAt + this.#scheduler.now * this.#rate
  }

  date (): Date {
    return new Date(Date.UTC(2026, 0) + this.#scheduler.now + this.#dateOffsetMs)
  }

  setTimer (ms: number, fire: () => void): () => void {
    let cancelled = false
    const run = () => { if (!cancelled) fire() }
    const cancel = this.#scheduler.schedule(Math.ceil(ms) / this.#rate, () => {
      if (this.#frozen) this.#due.push(run)
      else run()
    })
    return () => {
      cancelled = true
      cancel()
    }
  }

  freeze (): void {
    this.#frozen = true
  }

  thaw (): void {
    this.#frozen = false
    for (const run of this.#due.splice(0)) run()
  }
}
