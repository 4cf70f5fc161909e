import type { SqlClient } from './sql-client.ts'

/**
 * Selects from every table of the outbox, without reading a row.
 *
 * @throws the driver's error when a table is missing, or this role may not read it
 */
export async function assertReadable (client: SqlClient): Promise<void> {
  // Postgres checks the grants although no row can match.
  await client.query({ text: 'SELECT FROM outbox_events, outbox_dead_letters, relay_shard WHERE false' })
}
