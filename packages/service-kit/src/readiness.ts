import type pg from 'pg'
import { PoolerError } from './pooler.ts'

/** Ends a service whose database is behind a pooler that cannot carry it. An outage is none of its business. */
export function refuseUnfitPooler (pool: pg.Pool, fail: (error: Error) => void): void {
  pool.query('SELECT').catch((error: unknown) => { if (error instanceof PoolerError) fail(error) })
}
