/** A seeded source of chance: the same seed, the same run. (mulberry32) */
export class Random {
  #state: number

  constructor (seed: number) {
    this.#state = seed >>> 0
  }

  next (): number {
    this.#state = (this.#state + 0x6D2B79F5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  between (min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  chance (probability: number): boolean {
    return this.next() < probability
  }

  pick<T> (choices: readonly T[]): T {
    const choice = choices[Math.floor(this.next() * choices.length)]
    if (choice === undefined) throw new Error('expected something to choose from, found nothing')
    return choice
  }
}
