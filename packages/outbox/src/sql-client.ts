/** A row as the driver returns it. */
export type Row = Record<string, unknown>

/** One statement. With a `name`, the driver prepares it once per connection. */
export interface Statement {
  name?: string
  text: string
  values?: unknown[]
  /** Rows as arrays of columns. */
  rowMode?: 'array'
}

/** The part of `pg` that this package needs: a `Client`, a `PoolClient` or a `Pool` fits. */
export interface SqlClient {
  query: (statement: Statement) => Promise<{ rows: Row[], rowCount: number | null }>
}

/** The only row of a result. @throws Error without a row: the tables are not those of the files in `sql/` */
export function onlyRow (rows: Row[], what: string): Row {
  const row = rows[0]
  if (row === undefined) throw new Error(`expected one row from ${what}, found none: are the tables those of every file in packages/outbox/sql?`)
  return row
}

/** A `bigint[]` in Postgres syntax. The driver would quote and escape each of a thousand ids. */
export function idArray (ids: readonly string[]): string {
  return `{${ids.join(',')}}`
}
