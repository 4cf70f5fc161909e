import type pg from 'pg'
import { isLostRace, isUnavailable } from './is-unavailable.ts'
import { isStaleStatement, unnamed } from './stale-statement.ts'

/** COMMIT was answered with a rollback: `work` resolved although one of its statements had failed. Nothing is stored. */
export class TransactionAbortedError extends Error {
  readonly code = 'TRANSACTION_ABORTED'

  constructor (answer: string) {
    super(`expected COMMIT to commit, found ${answer}: a statement of the transaction failed, and its error was swallowed`)
    this.name = 'TransactionAbortedError'
  }
}

/**
 * Runs `work` in one transaction: COMMIT when it resolves, ROLLBACK when it rejects. A connection whose rollback was not
 * confirmed is thrown away: returned in the middle of a transaction, it would hand that transaction to its next user.
 *
 * Nothing of a transaction has happened when Postgres refuses one of its statements. So `work` is done **once more**, on
 * another connection, when a migration changed the tables under its prepared statements, and when it lost a race against
 * another transaction. A connection that is lost is no refusal: after it nobody knows.
 *
 * @throws what `work` throws, what Postgres says, or TransactionAbortedError
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
    // Said here and not left to the session: behind a pooler it may be a session that others began.
    await client.query('BEGIN ISOLATION LEVEL read committed')
    const result = await work(client)
    // Postgres answers the COMMIT of a failed transaction with ROLLBACK, and no error: an order would be acknowledged that
    // was never stored.
    const { command } = await client.query('COMMIT')
    if (command !== 'COMMIT') throw new TransactionAbortedError(command)
    client.release()
    return result
  } catch (error) {
    client.release(await rollback(client, error))
    throw error
  }
}

/** @returns what the connection has to be thrown away for, if so */
async function rollback (client: pg.PoolClient, cause: unknown): Promise<Error | undefined> {
  // One that did not answer will not answer this either, and would cost another time-out.
  if (isUnavailable(cause) && !isLostRace(cause)) return cause as Error
  try {
    await client.query('ROLLBACK')
    // Its prepared statements would fail for the next one too.
    return isStaleStatement(cause) ? cause as Error : undefined
  } catch (error) {
    return error as Error
  }
}

/** The same client; what it is asked is planned anew, which a prepared statement of a pooler's session would not be. */
function withUnnamedStatements (client: pg.PoolClient): pg.PoolClient {
  const query = client.query.bind(client) as (statement: unknown, ...rest: unknown[]) => unknown
  return Object.create(client, {
    query: { value: (statement: unknown, ...rest: unknown[]) => query(unnamed(statement), ...rest) }
  }) as pg.PoolClient
}
