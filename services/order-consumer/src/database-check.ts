import type { Logger } from 'pino'
import type pg from 'pg'

/** Undefined table, undefined column, no such schema, no right to use one. */
const WRONG_DATABASE = new Set(['42P01', '42703', '3F000', '42501'])

/** Postgres answers, but its database is not the one of this service, or its migrations have not run. */
export class WrongDatabaseError extends Error {
  readonly code = 'CONSUMER_WRONG_DATABASE'

  constructor (cause: Error) {
    super(`expected the tables of order-consumer in the database of DATABASE_URL, found: ${cause.message}. Correct DATABASE_URL, or run the migrations`, { cause })
    this.name = 'WrongDatabaseError'
  }
}

/** For readiness: whether the service's own tables are there, and may be used. */
export class DatabaseCheck {
  readonly #pool: pg.Pool
  readonly #logger: Logger
  #wasWrong = false

  constructor (pool: pg.Pool, logger: Logger) {
    this.#pool = pool
    this.#logger = logger
  }

  /** @throws WrongDatabaseError, or what keeps Postgres from answering */
  async assertUsable (): Promise<void> {
    try {
      // Rights and names are checked when a statement begins, also of one that reads no row.
      await this.#pool.query(`SELECT i.event_id, v.version, h.version, s.applied
                              FROM inbox i, order_views v, order_history h, consumer_stats s LIMIT 0`)
      this.#wasWrong = false
    } catch (error) {
      if (!WRONG_DATABASE.has((error as pg.DatabaseError).code ?? '')) throw error
      const wrong = new WrongDatabaseError(error as Error)
      if (!this.#wasWrong) this.#logger.error({ event: 'wrong_database', setting: 'DATABASE_URL', detail: wrong.message }, 'the database is not the one of this service')
      this.#wasWrong = true
      throw wrong
    }
  }
}
