/** Where a scenario lets one of its processes wait, for as long as the other one needs. */
export class Gate {
  readonly #arrived = Promise.withResolvers<void>()
  readonly #open = Promise.withResolvers<void>()

  /** Called by the one that is to wait. Once open it stays so. */
  async pass (): Promise<void> {
    this.#arrived.resolve()
    await this.#open.promise
  }

  /** Resolves when somebody waits. */
  get arrived (): Promise<void> {
    return this.#arrived.promise
  }

  open (): void {
    this.#open.resolve()
  }
}
