import type { Logger } from 'pino'
import type pg from 'pg'

/** Failures this close to each other belong to one outage, even if something succeeded in between. */
const QUIET_MS = 5_000

/**
 * Logs an outage of Postgres once for each cause, and once its end. Every request and every connection meets the outage: a line
 * for each of them would hide all other lines.
 */
export class OutageLog {
  readonly #logger: Logger
  readonly #causes = new Set<string>()
  #beganAt = 0
  #lastAt = 0
  #failures = 0

  constructor (logger: Logger) {
    this.#logger = logger
  }

  /** Call it when something failed because of Postgres. */
  met (error: Error): void {
    const now = performance.now()
    if (this.#causes.size === 0) {
      this.#beganAt = now
      this.#failures = 0
    }
    this.#lastAt = now
    this.#failures++
    const { code, message } = firstOf(error) as NodeJS.ErrnoException
    const cause = code ?? message
    if (this.#causes.has(cause)) return
    this.#causes.add(cause)
    this.#logger.warn({ event: 'postgres_unavailable', err: { type: error.name, code, message } }, 'Postgres cannot be used')
  }

  /** Call it when Postgres answered. */
  over (): void {
    if (this.#causes.size === 0 || performance.now() - this.#lastAt < QUIET_MS) return
    this.#causes.clear()
    this.#logger.info({ event: 'postgres_available', failures: this.#failures, outageMs: Math.round(this.#lastAt - this.#beganAt) }, 'Postgres can be used again')
  }

  /** A connection that is released without an error has had answers. */
  watch (pool: pg.Pool): void {
    pool.on('release', (error) => { if (error instanceof Error || error === true) return; this.over() })
  }
}

/** A host with several addresses gives one error for each. The first one is logged. */
function firstOf (error: Error): Error {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
}
