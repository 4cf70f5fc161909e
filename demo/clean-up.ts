/** What has to be undone at the end: the last made first, and each in its turn whatever became of the one before. */
export class CleanUp {
  readonly #steps: Array<() => Promise<unknown>> = []
  readonly #report: (line: string) => void

  constructor (report: (line: string) => void) {
    this.#report = report
  }

  add (step: () => Promise<unknown>): void {
    this.#steps.push(step)
  }

  async run (): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      await step().catch((error: Error) => { this.#report(`while stopping: ${error.message}`) })
    }
  }
}
