import type { Logger } from 'pino'
import type pg from 'pg'

/** Failures that are this close to each other are one outage, though something succeeded in between. */
const QUIET_MS = 5_000

/**
 * Tells of an outage of Postgres once for each of its causes, and once of its end. Every request and every connection meets
 * it, and a line for each of them would hide what else happens.
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

  /** Something failed because of Postgres. */
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

  /** Postgres answered. */
  over (): void {
    if (this.#causes.size === 0 || performance.now() - this.#lastAt < QUIET_MS) return
    this.#causes.clear()
    this.#logger.info({ event: 'postgres_available', failures: this.#failures, outageMs: Math.round(this.#lastAt - this.#beganAt) }, 'Postgres can be used again')
  }

  /** A connection that comes back to its pool unharmed has had its answers. */
  watch (pool: pg.Pool): void {
    pool.on('release', (error) => { if (error instanceof Error || error === true) return; this.over() })
  }
}

/** Of several addresses of one host, each with its error, the first one tells. */
function firstOf (error: Error): Error {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
}
