import type pg from 'pg'
import { PoolerError } from './pooler.ts'

/**
 * A readiness check that does what requests do: a prepared statement on a table of the service. A database without its tables,
 * a role without its rights or a pooler that loses prepared statements fails requests, and would answer a bare `SELECT`.
 *
 * @param table of the service's own, that its role may read
 * @throws what Postgres says
 */
export async function assertReadable (pool: pg.Pool, table: string): Promise<void> {
  // Asked of the catalogue: a table that is locked for a moment, by a migration or by load, is no reason to take a replica away.
  const { rows: [row] } = await pool.query<{ readable: boolean }>({
    name: 'readable', text: "SELECT has_table_privilege($1::text, 'SELECT') AS readable", values: [table]
  })
  if (row?.readable !== true) throw new Error(`expected the right to read ${table}, found none: is DATABASE_URL of the service's own role?`)
}

/** Ends a service whose database is behind a pooler that cannot carry it. An outage is none of its business. */
export function refuseUnfitPooler (pool: pg.Pool, fail: (error: Error) => void): void {
  pool.query('SELECT').catch((error: unknown) => { if (error instanceof PoolerError) fail(error) })
}
