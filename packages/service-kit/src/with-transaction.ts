import type pg from 'pg'
import { isUnavailable } from './is-unavailable.ts'

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
 * @throws what `work` throws, what Postgres says, or TransactionAbortedError
 */
export async function withTransaction<T> (pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
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
  if (isUnavailable(cause)) return cause as Error
  try {
    await client.query('ROLLBACK')
    return undefined
  } catch (error) {
    return error as Error
  }
}
