import { setTimeout as delay } from 'node:timers/promises'
import { deleteOldRows, type DeletedRows } from '@orders/service-kit'
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

/** Deletes the oldest rows past their retention, up to `limit`: see {@link deleteOldRows}. */
export async function deleteOldInbox (pool: pg.Pool, retentionHours: number, limit: number, from?: string): Promise<DeletedRows> {
  return deleteOldRows(pool, { table: 'inbox', key: 'event_id', writtenAt: 'received_at' }, retentionHours, limit, from)
}
