const MIN_AGE_MS = 1_000
/** An answer that took a second is used for ten: reading it again and again would else be all that its connection does. */
const AGE_PER_DURATION = 10

/** Keeps an answer that is expensive to find: for a second at least, and for ten times as long as it took. */
export class ShortCache<T> {
  readonly #find: () => Promise<T>
  readonly #now: () => number
  #answer: Promise<T> | undefined
  #validUntil = 0

  constructor (find: () => Promise<T>, now = () => performance.now()) {
    this.#find = find
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
      this.#validUntil = now + Math.max(MIN_AGE_MS, (now - startedAt) * AGE_PER_DURATION)
    }
  }
}
