import { sleep, type Clock } from './clock.ts'

/**
 * A sleep that can be cut short. A ring outside a sleep cuts the next one short, so an event during a request is not
 * forgotten.
 */
export class Alarm {
  readonly #clock: Clock
  #ringing = new AbortController()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  ring (): void {
    this.#ringing.abort()
  }

  async sleep (ms: number): Promise<void> {
    await sleep(this.#clock, ms, this.#ringing.signal)
    if (this.#ringing.signal.aborted) this.#ringing = new AbortController()
  }
}
