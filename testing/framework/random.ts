/** Random numbers that a seed decides (mulberry32): the same seed gives the same schedule on every machine. */
export class Random {
  #state: number

  constructor (seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, not including, 1. */
  next (): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  between (from: number, to: number): number {
    return Math.floor(from + this.next() * (to - from))
  }

  pick<T> (list: readonly T[]): T {
    const picked = list[this.between(0, list.length)]
    if (picked === undefined) throw new Error('expected something to pick from, found an empty list')
    return picked
  }
}
