import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type pg from 'pg'

const INTERVAL_MS = 60_000
const BATCH_SIZE = 5_000

/** Deletes inbox rows past their retention, until `signal` is aborted. */
export async function purgeInbox (pool: pg.Pool, retentionHours: number, logger: Logger, signal: AbortSignal): Promise<void> {
  let from: string | undefined
  while (!signal.aborted) {
    try {
      const { count, upTo } = await deleteOldInbox(pool, retentionHours, BATCH_SIZE, from)
      from = upTo
      if (count === BATCH_SIZE) continue
    } catch (error) {
      logger.warn({ event: 'old_inbox_rows_kept', err: error }, 'old inbox rows were not deleted')
    }
    await delay(INTERVAL_MS, undefined, { signal }).catch(() => {})
  }
}

/**
 * Deletes the oldest rows past their retention, up to `limit`.
 *
 * @param from the `upTo` of the previous call. Deleted rows stay in the index while an old snapshot needs them. A search from the
 * beginning would skip over all of them, and over more each time.
 * @returns how many were deleted, and the time of the newest deleted row: nothing older is left
 */
export async function deleteOldInbox (pool: pg.Pool, retentionHours: number, limit: number, from?: string): Promise<{ count: number, upTo: string | undefined }> {
  const { rows: [row] } = await pool.query<{ count: number, up_to: string | null }>({
    text: `WITH deleted AS (
             DELETE FROM inbox WHERE event_id IN (
               SELECT event_id FROM inbox
               WHERE received_at >= coalesce($3::timestamptz, '-infinity') AND received_at < clock_timestamp() - make_interval(hours => $1)
               ORDER BY received_at LIMIT $2)
             RETURNING received_at)
           SELECT count(*)::int AS count, max(received_at)::text AS up_to FROM deleted`,
    values: [retentionHours, limit, from ?? null]
  })
  return { count: row?.count ?? 0, upTo: row?.up_to ?? from }
}
