/** Blocks one process of a test until the other one has done its part. */
export class Gate {
  readonly #arrived = Promise.withResolvers<void>()
  readonly #open = Promise.withResolvers<void>()

  /** Called by the process that waits. Once open, the gate stays open. */
  async pass (): Promise<void> {
    this.#arrived.resolve()
    await this.#open.promise
  }

  /** Resolves when a process waits. */
  get arrived (): Promise<void> {
    return this.#arrived.promise
  }

  open (): void {
    this.#open.resolve()
  }
}
