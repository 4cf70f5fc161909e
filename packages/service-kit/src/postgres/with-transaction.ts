import type pg from 'pg'
import { isLostRace, isUnavailable } from './errors.ts'
import { isStaleStatement, unnamed } from './stale-statement.ts'

/** Postgres answered COMMIT with ROLLBACK: `work` resolved although one of its statements had failed. Nothing is stored. */
export class TransactionAbortedError extends Error {
  readonly code = 'TRANSACTION_ABORTED'

  constructor (answer: string) {
    super(`expected COMMIT to commit, found ${answer}: a statement of the transaction failed, and its error was swallowed`)
    this.name = 'TransactionAbortedError'
  }
}

/**
 * Runs `work` in one transaction: COMMIT when it resolves, ROLLBACK when it rejects. A connection without a confirmed rollback
 * is destroyed: back in the pool, it would pass an open transaction on to its next user.
 *
 * `work` runs **once more**, on another connection, in two cases: a migration changed the tables of its prepared statements, or
 * it lost a race against another transaction. In both Postgres has rolled everything back. A lost connection is not retried:
 * its COMMIT may have succeeded.
 *
 * @throws the error of `work`, the error of Postgres, or TransactionAbortedError
 */
export async function withTransaction<T> (pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  try {
    return await attempt(pool, work)
  } catch (error) {
    if (!isStaleStatement(error) && !isLostRace(error)) throw error
    return attempt(pool, (client) => work(withUnnamedStatements(client)))
  }
}

async function attempt<T> (pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    // Explicit, because behind a pooler another client may have begun the session.
    await client.query('BEGIN ISOLATION LEVEL read committed')
    const result = await work(client)
    // Postgres answers the COMMIT of a failed transaction with ROLLBACK, and no error. Unchecked, an order that was never stored
    // would be acknowledged.
    const { command } = await client.query('COMMIT')
    if (command !== 'COMMIT') throw new TransactionAbortedError(command)
    client.release()
    return result
  } catch (error) {
    client.release(await rollback(client, error))
    throw error
  }
}

/** @returns the reason to destroy the connection, if there is one */
async function rollback (client: pg.PoolClient, cause: unknown): Promise<Error | undefined> {
  // A connection that did not answer will not answer a ROLLBACK: do not wait for another timeout.
  if (isUnavailable(cause) && !isLostRace(cause)) return cause as Error
  try {
    await client.query('ROLLBACK')
    // Its prepared statements would fail for the next user too.
    return isStaleStatement(cause) ? cause as Error : undefined
  } catch (error) {
    return error as Error
  }
}

/** The same client, without prepared statements: behind a pooler the next session could have the same stale ones. */
function withUnnamedStatements (client: pg.PoolClient): pg.PoolClient {
  const query = client.query.bind(client) as (statement: unknown, ...rest: unknown[]) => unknown
  return Object.create(client, {
    query: { value: (statement: unknown, ...rest: unknown[]) => query(unnamed(statement), ...rest) }
  }) as pg.PoolClient
}
