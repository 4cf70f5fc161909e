import { randomUUID } from 'node:crypto'
import { FencedError } from './errors.ts'
import type { EventNames } from './event-names.ts'
import { Fence } from './fence.ts'
import type { SqlClient } from './sql-client.ts'

/** What a takeover found. */
export interface TakenOver {
  fence: Fence
  /** The number of the newest claimed batch, finished or not. For people: nothing is decided by it. */
  batch: bigint
  /** The name of the newest claimed batch; '' if it has none. */
  token: string
  /** The name that Kafka has while that batch is not in it. */
  tokenBefore: string
  /** What the former leader had in flight; undefined if nothing. */
  outstanding: EventNames | undefined
}

/** Who took a shard over last; epoch 0 and nobody if it never was. */
export interface ShardState {
  epoch: bigint
  holder: string | undefined
}

export interface TakeOverOptions {
  /**
   * Take over only if the shard is as expected. A relay that begins anew after a failure gives its own fence: it may have slept,
   * and must not fence a successor of which it knows nothing. A standby gives what it has read. Left out, the shard is taken
   * whoever holds it.
   */
  expected?: Fence | ShardState | undefined
  /** The layout under which it is taken over; refused if the shard has another one. Left out, it is not looked at. */
  layout?: string | undefined
}

/**
 * Raises the shard's epoch, which fences everybody who worked with an older one, and reports what was in flight.
 * The epoch lives in Postgres because a Lease's `leaseTransitions` starts again at 0 when the Lease is deleted.
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

/** What stands in the shard's row now. */
export async function readShard (client: SqlClient, shard: number): Promise<ShardState> {
  const { rows } = await client.query({ text: 'SELECT epoch::text, holder FROM relay_shard WHERE shard = $1', values: [shard] })
  const row = rows[0]
  return { epoch: BigInt(row?.epoch as string | undefined ?? 0), holder: row?.holder as string | null ?? undefined }
}
