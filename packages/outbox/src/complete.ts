import { deletePublished } from './delete-published.ts'
import { FencedError } from './errors.ts'
import type { Fence } from './shard-fence.ts'
import { idArray, onlyRow, type SqlClient } from './sql-client.ts'

/**
 * Deletes published events (see {@link deletePublished}) and clears the claim, in one statement with the fence.
 *
 * @throws FencedError when the shard has been taken over since; then nothing was deleted
 */
export async function complete (client: SqlClient, fence: Fence, ids: readonly string[]): Promise<void> {
  const { rows } = await client.query({
    name: 'outbox_complete',
    text: `WITH held AS (
             UPDATE relay_shard SET claimed_ids = '{}' WHERE shard = $1 AND epoch = $2 RETURNING shard
           ), ${deletePublished('$3')}
           SELECT EXISTS (SELECT FROM held) AS held`,
    values: [fence.shard, String(fence.epoch), idArray(ids)]
  })
  if (onlyRow(rows, 'complete').held !== true) throw new FencedError(fence.shard, fence.epoch)
}
