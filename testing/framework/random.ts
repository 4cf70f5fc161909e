/**
 * The one source of random numbers in tests: mulberry32, seeded. The same seed gives the same numbers on every machine, so a
 * failed run can be repeated. Recorded seeds (chaos runs, fuzz tests) depend on this sequence: do not change it.
 */
export class Random {
  #state: number

  constructor (seed: number) {
    this.#state = seed >>> 0
  }

  /** A number from 0 up to, not including, 1. Every other method takes exactly one of these. */
  next (): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 up to, not including, `limit`. */
  below (limit: number): number {
    return Math.floor(this.next() * limit)
  }

  /** A whole number from `from` up to, not including, `to`. */
  between (from: number, to: number): number {
    return Math.floor(from + this.next() * (to - from))
  }

  /** Any number from `from` up to, not including, `to`. */
  uniform (from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  /** @param probability from 0 to 1 */
  chance (probability: number): boolean {
    return this.next() < probability
  }

  /** @throws Error for an empty list */
  pick<T> (list: readonly T[]): T {
    if (list.length === 0) throw new Error('expected a list to pick from, found an empty one')
    return list[this.below(list.length)] as T
  }
}
