export interface CacheAge {
  minMs: number
  /** An answer is kept for at least its own duration times this factor, so that a slow query does not run all the time. */
  perDuration: number
}

/** Caches the answer of an expensive query for a short time. */
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

  /** Concurrent callers share one query. @throws the query's error, which is not cached */
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
