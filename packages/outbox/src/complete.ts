import { FencedError } from './errors.ts'
import type { Fence } from './shard-fence.ts'
import { idArray, onlyRow, type SqlClient } from './sql-client.ts'

/**
 * Deletes published events and clears the claim, in one statement with the fence: checked apart from the delete, the
 * epoch could change in between.
 *
 * The dead letter of a replayed event goes with it, which lets the aggregate's later events through.
 *
 * @throws FencedError when the shard has been taken over since; then nothing was deleted
 */
export async function complete (client: SqlClient, fence: Fence, ids: readonly string[]): Promise<void> {
  const { rows } = await client.query({
    name: 'outbox_complete',
    text: `WITH held AS (
             UPDATE relay_shard SET claimed_ids = '{}' WHERE shard = $1 AND epoch = $2 RETURNING shard
           ), published AS (
             DELETE FROM outbox_events WHERE id = ANY ($3::bigint[]) AND EXISTS (SELECT FROM held)
           ), replayed AS (
             DELETE FROM outbox_dead_letters
             WHERE id = ANY ($3::bigint[]) AND replayed_at IS NOT NULL AND EXISTS (SELECT FROM held)
           )
           SELECT EXISTS (SELECT FROM held) AS held`,
    values: [fence.shard, String(fence.epoch), idArray(ids)]
  })
  if (onlyRow(rows, 'complete').held !== true) throw new FencedError(fence.shard, fence.epoch)
}
