import type { Logger } from 'pino'

type Step = () => Promise<unknown> | unknown

/** What has to be undone when a service ends, in the reverse order of its making. */
export class StopSteps {
  readonly #steps: Array<{ name: string, step: Step }> = []
  #current: string | undefined

  /** Also while the steps are run: for what was still starting then. */
  add (name: string, step: Step): void {
    this.#steps.push({ name, step })
  }

  /** The step that is under way, for who wonders what hangs. */
  get current (): string | undefined {
    return this.#current
  }

  async run (logger: Logger): Promise<void> {
    for (let next = this.#steps.pop(); next !== undefined; next = this.#steps.pop()) {
      const { name, step } = next
      const startedAt = performance.now()
      this.#current = name
      try {
        await step()
        logger.info({ event: 'stop_step_done', step: name, durationMs: Math.round(performance.now() - startedAt) }, 'stop step done')
      } catch (error) {
        // The later steps still have to run: one of them may be the release of a lease.
        logger.error({ event: 'stop_step_failed', err: error, step: name }, 'stop step failed')
      }
    }
    this.#current = undefined
  }
}
