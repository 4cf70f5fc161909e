import type { Logger } from 'pino'
import type { TablesRefuseError } from './refusals.ts'

const LOG_INTERVAL_MS = 30_000

/** Whether the tables refuse all events: for `/readyz`, a metric, and a log line every 30 seconds. */
export class TableHealth {
  readonly #logger: Logger
  readonly #now: () => number
  #error: TablesRefuseError | undefined
  #loggedAt = -Infinity

  constructor (logger: Logger, now = () => performance.now()) {
    this.#logger = logger
    this.#now = now
  }

  get isRefusing (): boolean {
    return this.#error !== undefined
  }

  refused (error: TablesRefuseError): void {
    this.#error = error
    if (this.#now() - this.#loggedAt < LOG_INTERVAL_MS) return
    this.#loggedAt = this.#now()
    this.#logger.error({ event: 'applying_refused_repeatedly', refusal: error.refusal, detail: error.message },
      'the tables refuse every event: nothing is applied and nothing becomes a dead letter until they are corrected')
  }

  /** Call it when an event took effect, or when an event itself was at fault. */
  accepted (): void {
    if (this.#error === undefined) return
    this.#logger.info({ event: 'applying_resumed', refusal: this.#error.refusal }, 'the tables accept events again')
    this.#error = undefined
    this.#loggedAt = -Infinity
  }

  /** A readiness check. @throws TablesRefuseError while the tables refuse all events */
  assertAccepting (): void {
    if (this.#error !== undefined) throw this.#error
  }
}
