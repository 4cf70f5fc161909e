export interface CacheAge {
  minMs: number
  /** An answer that took so long is used for so many times as long: finding it again and again would else be all that is done. */
  perDuration: number
}

/** Keeps an answer that is expensive to find, for a while. */
export class ShortCache<T> {
  readonly #find: () => Promise<T>
  readonly #age: CacheAge
  readonly #now: () => number
  #answer: Promise<T> | undefined
  #validUntil = 0

  constructor (find: () => Promise<T>, age: CacheAge, now = () => performance.now()) {
    this.#find = find
    this.#age = age
    this.#now = now
  }

  /** All that ask while it is being found get the same answer. @throws what finding it throws, which is not kept */
  async get (): Promise<T> {
    if (this.#answer !== undefined && this.#now() < this.#validUntil) return this.#answer
    const startedAt = this.#now()
    this.#validUntil = Infinity
    const answer = this.#find()
    this.#answer = answer
    try {
      return await answer
    } catch (error) {
      this.#answer = undefined
      throw error
    } finally {
      const now = this.#now()
      this.#validUntil = now + Math.max(this.#age.minMs, (now - startedAt) * this.#age.perDuration)
    }
  }
}
