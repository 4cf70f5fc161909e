import { deletePublished } from './delete-published.ts'
import { FencedError } from './errors.ts'
import type { Fence } from './shard-fence.ts'
import { idArray, type SqlClient } from './sql-client.ts'

/**
 * Notes which events the next batch holds, and gives the batch its number. Whoever takes over after a crash compares
 * that number with the one Kafka has committed, and knows of every claimed event whether it is in the topic.
 *
 * In the same statement it completes the batch before (see {@link complete}): one commit for each batch, not two. Only
 * together: the note of the batch before is overwritten here, and with it goes what is known of its events.
 *
 * This statement must be durable before Kafka is told to commit (`synchronous_commit` on): a claim that Postgres forgets
 * after Kafka committed its batch is a batch published twice.
 *
 * @param published the ids of the batch before, which is in Kafka; none when it is completed already
 * @returns the number of the batch
 * @throws FencedError when the shard has been taken over since; then nothing was deleted either
 */
export async function claim (client: SqlClient, fence: Fence, ids: readonly string[], published: readonly string[] = []): Promise<bigint> {
  const { rows } = await client.query({
    name: 'outbox_claim',
    text: `WITH held AS (
             UPDATE relay_shard SET batch = batch + 1, claimed_ids = $3::bigint[]
             WHERE shard = $1 AND epoch = $2 RETURNING batch
           ), ${deletePublished('$4')}
           SELECT batch::text FROM held`,
    values: [fence.shard, String(fence.epoch), idArray(ids), idArray(published)]
  })
  const row = rows[0]
  if (row === undefined) throw new FencedError(fence.shard, fence.epoch)
  return BigInt(row.batch as string)
}

/**
 * Forgets a claim whose batch is known not to be in Kafka, and continues the numbers from `position` where Kafka is
 * ahead of Postgres (a restored backup): a number that Kafka has seen already would pass for published.
 *
 * @throws FencedError when the shard has been taken over since
 */
export async function dropClaim (client: SqlClient, fence: Fence, position: bigint): Promise<void> {
  const { rowCount } = await client.query({
    text: `UPDATE relay_shard SET claimed_ids = '{}', batch = greatest(batch, $3)
           WHERE shard = $1 AND epoch = $2`,
    values: [fence.shard, String(fence.epoch), String(position)]
  })
  if (rowCount !== 1) throw new FencedError(fence.shard, fence.epoch)
}
