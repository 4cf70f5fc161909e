import type { Stage } from './stage.ts'

const TABLES = ['outbox_events', 'outbox_dead_letters', 'relay_shard', 'relay_layout']

/**
 * The outbox as it is now, to be put back later. As with a real restore, rows written since are gone, and their ids come again.
 * The relay keeps its connections, which is the harder case: nothing tells it.
 */
export async function backUp ({ pool }: Stage): Promise<{ restore: () => Promise<void> }> {
  for (const table of TABLES) await pool.query(`CREATE TABLE backup_${table} AS SELECT * FROM ${table}`)
  const { rows: [sequence] } = await pool.query<{ last: string, called: boolean }>('SELECT last_value AS last, is_called AS called FROM outbox_events_id_seq')
  return {
    async restore () {
      const client = await pool.connect()
      await client.query('BEGIN')
      for (const table of TABLES) {
        await client.query(`DELETE FROM ${table}`)
        await client.query(`INSERT INTO ${table} ${table === 'outbox_events' ? 'OVERRIDING SYSTEM VALUE' : ''} SELECT * FROM backup_${table}`)
      }
      await client.query("SELECT setval('outbox_events_id_seq', $1, $2)", [sequence?.last, sequence?.called])
      await client.query('COMMIT')
      client.release()
    }
  }
}
