import type { Logger } from 'pino'
import type { ApplyingRefusedError } from './refusals.ts'

const LOG_EVERY_MS = 30_000

/** Whether the tables refuse events: for readiness, a metric, and a line in the log now and then. */
export class ApplyingState {
  readonly #logger: Logger
  readonly #now: () => number
  #refused: ApplyingRefusedError | undefined
  #loggedAt = -Infinity

  constructor (logger: Logger, now = () => performance.now()) {
    this.#logger = logger
    this.#now = now
  }

  get isRefused (): boolean {
    return this.#refused !== undefined
  }

  refused (error: ApplyingRefusedError): void {
    this.#refused = error
    if (this.#now() - this.#loggedAt < LOG_EVERY_MS) return
    this.#loggedAt = this.#now()
    this.#logger.error({ event: 'applying_refused_repeatedly', refusal: error.refusal, detail: error.message },
      'the tables refuse events whatever is in them: nothing is applied and nothing put aside until they are mended')
  }

  /** An event took effect, or was found to be the one at fault. */
  accepted (): void {
    if (this.#refused === undefined) return
    this.#logger.info({ event: 'applying_resumed', refusal: this.#refused.refusal }, 'the tables take events again')
    this.#refused = undefined
    this.#loggedAt = -Infinity
  }

  /** For readiness. @throws while the tables refuse events */
  assertAccepted (): void {
    if (this.#refused !== undefined) throw this.#refused
  }
}
