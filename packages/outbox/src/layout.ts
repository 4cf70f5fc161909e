import { FencedError } from './errors.ts'
import { newestVersion, type Fence } from './fence.ts'
import { onlyRow, type Row, type SqlClient } from './sql-client.ts'

/** The settings that all relays of a database must have in common. With other settings, a relay would publish what others publish. */
export interface LayoutSettings {
  relayName: string
  shards: number
  positionTopic: string
  delivery: string
}

export interface Layout extends LayoutSettings {
  /** Random; a new one with every change. */
  layout: string
  /** A change is under way: wait. */
  isChanging: boolean
}

const COLUMNS = 'layout::text, relay_name, shards, position_topic, delivery, changing_until > clock_timestamp() AS is_changing'

/** @returns undefined if no relay has taken a shard over yet */
export async function readLayout (client: SqlClient): Promise<Layout | undefined> {
  const { rows: [row] } = await client.query({ name: 'outbox_layout', text: `SELECT ${COLUMNS} FROM relay_layout` })
  return row && toLayout(row)
}

/** The layout of the database. The first relay writes its own settings; of two first relays, both get what one of them wrote. */
export async function holdLayout (client: SqlClient, settings: LayoutSettings): Promise<Layout> {
  const found = await readLayout(client)
  if (found !== undefined) return found
  await client.query({
    text: 'INSERT INTO relay_layout (relay_name, shards, position_topic, delivery) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    values: [settings.relayName, settings.shards, settings.positionTopic, settings.delivery]
  })
  const { rows } = await client.query({ text: `SELECT ${COLUMNS} FROM relay_layout` })
  return toLayout(onlyRow(rows, 'relay_layout'))
}

/** For this long, relays take no shard over: a layout change is about to take over all of them. */
export async function announceLayoutChange (client: SqlClient, layout: string, forMs: number): Promise<void> {
  await client.query({
    text: 'UPDATE relay_layout SET changing_until = clock_timestamp() + $2::float8 * interval \'1 ms\' WHERE layout = $1',
    values: [layout, forMs]
  })
}

/**
 * Replaces the layout, and fences every relay that works under the old one.
 *
 * @param client in a transaction, which is rolled back if this throws
 * @param fences one for every shard of the old layout and of the new one; no shard may have a claim
 * @param keepPositions the name and the topic stay the same, so the positions in Kafka stay valid
 * @throws FencedError when one of the shards was taken over since, or the layout changed; then nothing may be committed
 */
export async function changeLayout (
  client: SqlClient, layout: string, settings: LayoutSettings, fences: readonly Fence[], keepPositions: boolean
): Promise<void> {
  const { rows } = await client.query({
    text: `UPDATE relay_layout
           SET layout = gen_random_uuid(), relay_name = $2, shards = $3, position_topic = $4, delivery = $5,
               changing_until = '-infinity', written_at = clock_timestamp()
           WHERE layout = $1 RETURNING layout::text`,
    values: [layout, settings.relayName, settings.shards, settings.positionTopic, settings.delivery]
  })
  const changed = rows[0]?.layout as string | undefined
  for (const fence of fences) {
    const { rowCount } = await client.query({
      text: `UPDATE relay_shard
             SET layout = $4, revision = gen_random_uuid(), epoch = epoch + 1,
                 token = CASE WHEN $5 THEN token ELSE '' END, token_before = CASE WHEN $5 THEN token_before ELSE '' END
             WHERE shard = $1 AND ${newestVersion('$1')} AND epoch = $2 AND revision = $3 AND claimed_ids = '{}'`,
      values: [fence.shard, String(fence.epoch), fence.row.revision, changed ?? null, keepPositions]
    })
    if (changed === undefined || rowCount !== 1) throw new FencedError(fence.shard, fence.epoch)
  }
}

function toLayout (row: Row): Layout {
  return {
    layout: row.layout as string,
    relayName: row.relay_name as string,
    shards: row.shards as number,
    positionTopic: row.position_topic as string,
    delivery: row.delivery as string,
    isChanging: row.is_changing as boolean
  }
}
