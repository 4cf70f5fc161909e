import { FencedError } from './errors.ts'
import type { SqlClient } from './sql-client.ts'

/** The right to work on one shard: everything that changes the outbox presents it. */
export interface Fence {
  shard: number
  epoch: bigint
}

/** The batch whose fate was open when the shard was taken over. */
export interface Claim {
  batch: bigint
  ids: string[]
}

export interface TakenOver {
  fence: Fence
  /** The number of the newest claimed batch, finished or not. */
  batch: bigint
  /** What the former leader had in flight; undefined if nothing. */
  outstanding: Claim | undefined
}

/** Who took a shard over last; epoch 0 and nobody if it never was. */
export interface ShardState {
  epoch: bigint
  holder: string | undefined
}

/**
 * Raises the shard's epoch, which fences everybody who worked with an older one, and reports what was in flight.
 * The epoch lives in Postgres because a Lease's `leaseTransitions` starts again at 0 when the Lease is deleted.
 *
 * @param holder the process that takes over
 * @param expectedEpoch take over only from this epoch. Whoever begins anew after a failure gives its own: it may have slept,
 *   and must not fence a successor of which it knows nothing. Left out, the shard is taken whoever holds it.
 * @throws FencedError when the shard has another epoch
 */
export async function takeOverShard (
  client: SqlClient, shard: number, holder: string, expectedEpoch?: bigint
): Promise<TakenOver> {
  const { rows } = await client.query({
    text: `INSERT INTO relay_shard AS s (shard, epoch, holder, taken_at)
           VALUES ($1, coalesce($3::bigint, 0) + 1, $2, clock_timestamp())
           ON CONFLICT (shard) DO UPDATE SET epoch = s.epoch + 1, holder = excluded.holder, taken_at = excluded.taken_at
           WHERE $3::bigint IS NULL OR s.epoch = $3
           RETURNING epoch::text, batch::text, claimed_ids::text[]`,
    values: [shard, holder, expectedEpoch === undefined ? null : String(expectedEpoch)]
  })
  const row = rows[0]
  if (row === undefined) throw new FencedError(shard, expectedEpoch ?? 0n)
  const batch = BigInt(row.batch as string)
  const ids = row.claimed_ids as string[]
  return {
    fence: { shard, epoch: BigInt(row.epoch as string) },
    batch,
    outstanding: ids.length === 0 ? undefined : { batch, ids }
  }
}

export async function readShard (client: SqlClient, shard: number): Promise<ShardState> {
  const { rows } = await client.query({ text: 'SELECT epoch::text, holder FROM relay_shard WHERE shard = $1', values: [shard] })
  const row = rows[0]
  return { epoch: BigInt(row?.epoch as string | undefined ?? 0), holder: row?.holder as string | null ?? undefined }
}

/** @throws FencedError when the shard has been taken over since */
export async function assertHeld (client: SqlClient, fence: Fence): Promise<void> {
  const { rows } = await client.query({
    name: 'outbox_assert_held',
    text: 'SELECT FROM relay_shard WHERE shard = $1 AND epoch = $2',
    values: [fence.shard, String(fence.epoch)]
  })
  if (rows.length === 0) throw new FencedError(fence.shard, fence.epoch)
}
