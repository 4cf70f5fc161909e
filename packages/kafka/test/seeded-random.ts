/** Unequal characters of 1, 2, 3 and 4 bytes, and halves of a pair. */
const CHARACTERS = [...'abcXYZ0189-{}":,\0\n\u007f\u0080äßΩ\u07ff\u0800€\uffff😀𝄞', '\ud800', '\udc00']

/** The same numbers for the same seed, so that what fails can be looked at (mulberry32). */
export class SeededRandom {
  #state: number

  constructor (seed: number) {
    this.#state = seed
  }

  /** A whole number from 0 to `limit - 1`. */
  below (limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let value = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return Math.floor(((value ^ (value >>> 14)) >>> 0) / 2 ** 32 * limit)
  }

  pick<T> (values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }

  bytes (length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }

  /** Of about that many characters: every other text is plain ASCII. */
  text (length: number): string {
    const plain = this.below(2) === 0
    return Array.from({ length }, () => plain ? String.fromCharCode(32 + this.below(95)) : this.pick(CHARACTERS)).join('')
  }
}
