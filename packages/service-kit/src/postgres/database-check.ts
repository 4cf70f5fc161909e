import type { Logger } from 'pino'
import type pg from 'pg'

/** Undefined table, undefined column, no such schema, no right to use one. */
const WRONG_DATABASE = new Set(['42P01', '42703', '3F000', '42501'])

/** Postgres answers, but the service cannot work in this database: a table, a column or a right is missing. */
export class UnusableDatabaseError extends Error {
  readonly code = 'POSTGRES_DATABASE_UNUSABLE'

  constructor (service: string, found: string, cause?: Error) {
    super(`expected the tables of ${service} in the database of DATABASE_URL, and the right to use them, found: ${found}. Correct DATABASE_URL, or run the migrations`, { cause })
    this.name = 'UnusableDatabaseError'
  }
}

export interface DatabaseCheckOptions<Row extends pg.QueryResultRow> {
  pool: pg.Pool
  service: string
  /** Names every table and column that the service needs, and reads no row: Postgres checks names and rights before it reads. */
  sql: string
  /** What the statement's row says against the database; undefined if nothing does. */
  problemOf?: (row: Row | undefined) => string | undefined
  /** Logs an unusable database once, until it is usable again. Without it only `/readyz` says so. */
  logger?: Logger
}

/** A readiness check: the service's own tables are there and may be used. It throws UnusableDatabaseError, or Postgres's error in an outage. */
export function databaseCheck<Row extends pg.QueryResultRow> ({ pool, service, sql, problemOf, logger }: DatabaseCheckOptions<Row>): () => Promise<void> {
  let wasUnusable = false
  return async () => {
    const unusable = await findProblem()
    if (unusable === undefined) {
      wasUnusable = false
      return
    }
    if (!wasUnusable) logger?.error({ event: 'wrong_database', setting: 'DATABASE_URL', detail: unusable.message }, 'the database is not the one of this service')
    wasUnusable = true
    throw unusable
  }

  async function findProblem (): Promise<UnusableDatabaseError | undefined> {
    try {
      const { rows: [row] } = await pool.query<Row>(sql)
      const problem = problemOf?.(row)
      return problem === undefined ? undefined : new UnusableDatabaseError(service, problem)
    } catch (error) {
      const { code = '', message } = error as pg.DatabaseError
      if (!WRONG_DATABASE.has(code)) throw error
      return new UnusableDatabaseError(service, message, error as Error)
    }
  }
}
