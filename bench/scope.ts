import type { TestContext } from '@orders/testing/framework'

/** Ends what was started, the newest first. */
export class Scope implements TestContext {
  readonly #works: Array<() => Promise<unknown> | unknown> = []

  teardown (work: () => Promise<unknown> | unknown): void {
    this.#works.push(work)
  }

  async close (): Promise<void> {
    for (let work = this.#works.pop(); work !== undefined; work = this.#works.pop()) await work()
  }
}
