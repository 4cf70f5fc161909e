import type { SqlClient } from './sql-client.ts'

/**
 * Touches every table of the outbox, and reads nothing from them.
 *
 * @throws the driver's error when one is missing, or this role may not read it
 */
export async function assertReadable (client: SqlClient): Promise<void> {
  // The rights are checked although no row can match.
  await client.query({ text: 'SELECT FROM outbox_events, outbox_dead_letters, relay_shard WHERE false' })
}
