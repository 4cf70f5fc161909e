import pg from 'pg'
import type { SqlClient, Statement } from './sql-client.ts'

/** Enough for hundreds of megabytes on a slow disk. */
const TIMEOUT_MS = 120_000

/** The same client, with {@link TIMEOUT_MS} for each statement. */
export function withLongTimeout (client: SqlClient): SqlClient {
  return { query: (statement) => queryWithLongTimeout(client, statement) }
}

/**
 * Runs one statement for longer than the session's `statement_timeout` allows: it copies a payload of hundreds of megabytes. The values
 * become part of the text, because only statements without parameters go to Postgres together. Together, they use the same connection
 * of a pool, and SET LOCAL holds for the second one.
 */
async function queryWithLongTimeout (client: SqlClient, { text, values = [] }: Statement): ReturnType<SqlClient['query']> {
  const inlined = text.replaceAll(/\$(\d+)/g, (_placeholder, number: string) => literal(values[Number(number) - 1]))
  const statement = { text: `SET LOCAL statement_timeout = ${TIMEOUT_MS}; ${inlined}`, query_timeout: TIMEOUT_MS + 1_000 }
  // For several statements the driver returns a list of results.
  const results: unknown = await client.query(statement)
  return (results as Array<Awaited<ReturnType<SqlClient['query']>>>).at(-1)!
}

function literal (value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return pg.escapeLiteral(String(value))
}
