import { randomUUID } from 'node:crypto'
import { FencedError } from './errors.ts'
import type { EventNames } from './event-names.ts'
import { Fence, newestVersion } from './fence.ts'
import type { SqlClient } from './sql-client.ts'

/** The result of step 1 of a takeover. */
export interface TakenOver {
  fence: Fence
  /** The number of the newest claimed batch, completed or not. For people: it decides nothing. */
  batch: bigint
  /** The token of the newest claimed batch; '' if there is none. */
  token: string
  /** The token that Kafka has if that batch is not in Kafka. */
  tokenBefore: string
  /** The events that the former leader had in flight; undefined: none. */
  outstanding: EventNames | undefined
}

/** The last takeover of a shard. Epoch 0 without a holder if there was none. */
export interface ShardState {
  epoch: bigint
  holder: string | undefined
}

export interface TakeOverOptions {
  /**
   * Takes over only if the shard is as expected. A relay that takes over again after a failure gives its own fence: it may have been
   * frozen, and must not fence a successor that it does not know. A standby gives what it has read. Left out: from any holder.
   */
  expected?: Fence | ShardState | undefined
  /** The layout token of the caller; refused if the shard has another one. Left out: not checked. */
  layout?: string | undefined
}

/**
 * Raises the shard's epoch, which fences every relay with an older one, and reports the batch that was in flight.
 * The epoch is kept in Postgres, because a Lease's `leaseTransitions` starts again at 0 when the Lease is deleted.
 *
 * @param holder the process that takes over
 * @throws FencedError when the shard is not as expected
 */
export async function takeOverShard (
  client: SqlClient, shard: number, holder: string, { expected, layout }: TakeOverOptions = {}
): Promise<TakenOver> {
  const revision = randomUUID()
  const fence = expected instanceof Fence ? expected : undefined
  const state = expected instanceof Fence ? undefined : expected
  const revisions = fence?.possibleRevisions
  fence?.attempt(revision)
  // A deleted row comes back as the caller knows it: an epoch never comes again.
  await client.query({
    text: 'SELECT outbox_shard_row($1, $2, $3, coalesce($4::uuid, gen_random_uuid()))',
    values: [shard, String(expected?.epoch ?? 0), state?.holder ?? null, fence?.row.revision ?? null]
  })
  const { rows } = await client.query({
    text: `UPDATE relay_shard AS s
             SET epoch = s.epoch + 1, holder = $2, taken_at = clock_timestamp(), revision = $3, layout = coalesce($4::uuid, s.layout)
           WHERE s.shard = $1 AND s.${newestVersion('$1')}
             -- The row's own columns, not relay_layout: of a row that was locked by a change of the layout, only they are read anew.
             AND ($4::uuid IS NULL OR s.layout IS NULL OR s.layout = $4)
             AND ($5::uuid[] IS NULL OR s.revision = ANY ($5))
             AND ($6::bigint IS NULL OR (s.epoch = $6 AND s.holder IS NOT DISTINCT FROM $7))
           RETURNING epoch::text, batch::text, token, token_before, claimed_ids::text[], claimed_events::text[], ctid::text`,
    values: [
      shard, holder, revision, layout ?? null, revisions ?? null, state === undefined ? null : String(state.epoch), state?.holder ?? null
    ]
  })
  const row = rows[0]
  if (row === undefined) throw new FencedError(shard, expected?.epoch ?? 0n)
  const ids = row.claimed_ids as string[]
  return {
    fence: new Fence(shard, BigInt(row.epoch as string), { revision, ctid: row.ctid as string }),
    batch: BigInt(row.batch as string),
    token: row.token as string,
    tokenBefore: row.token_before as string,
    outstanding: ids.length === 0 ? undefined : { ids, eventIds: row.claimed_events as string[] }
  }
}

/** The epoch and the holder in the shard's row. */
export async function readShard (client: SqlClient, shard: number): Promise<ShardState> {
  const { rows } = await client.query({ text: `SELECT epoch::text, holder FROM relay_shard WHERE shard = $1 AND ${newestVersion('$1')}`, values: [shard] })
  const row = rows[0]
  return { epoch: BigInt(row?.epoch as string | undefined ?? 0), holder: row?.holder as string | null ?? undefined }
}
