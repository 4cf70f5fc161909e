import { randomUUID } from 'node:crypto'
import { FencedError } from './errors.ts'
import type { EventNames } from './event-names.ts'
import { Fence } from './fence.ts'
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
  const { rows } = await client.query({
    text: `INSERT INTO relay_shard AS s (shard, epoch, holder, taken_at, revision, layout)
           VALUES ($1, $3::bigint + 1, $2, clock_timestamp(), $4, $5)
           ON CONFLICT (shard) DO UPDATE
             SET epoch = s.epoch + 1, holder = excluded.holder, taken_at = excluded.taken_at, revision = excluded.revision,
                 layout = coalesce(excluded.layout, s.layout)
           -- The row's own columns, not relay_layout: of a row that was locked by a change of the layout, only they are read anew.
           WHERE ($5::uuid IS NULL OR s.layout IS NULL OR s.layout = $5)
             AND ($6::uuid[] IS NULL OR s.revision = ANY ($6))
             AND ($7::bigint IS NULL OR (s.epoch = $7 AND s.holder IS NOT DISTINCT FROM $8))
           RETURNING epoch::text, batch::text, token, token_before, claimed_ids::text[], claimed_events::text[], ctid::text`,
    values: [
      shard, holder, String(expected?.epoch ?? 0), revision, layout ?? null, revisions ?? null,
      state === undefined ? null : String(state.epoch), state?.holder ?? null
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
  const { rows } = await client.query({ text: 'SELECT epoch::text, holder FROM relay_shard WHERE shard = $1', values: [shard] })
  const row = rows[0]
  return { epoch: BigInt(row?.epoch as string | undefined ?? 0), holder: row?.holder as string | null ?? undefined }
}
