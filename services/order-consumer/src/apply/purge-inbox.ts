import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type pg from 'pg'
import { deleteOldInbox } from './insert-inbox.ts'

const EVERY_MS = 60_000
const AT_ONCE = 5_000

/** Deletes inbox rows past their retention, until `signal` is aborted. */
export async function forgetOldEvents (pool: pg.Pool, retentionHours: number, logger: Logger, signal: AbortSignal): Promise<void> {
  let from: string | undefined
  while (!signal.aborted) {
    try {
      const { count, upTo } = await deleteOldInbox(pool, retentionHours, AT_ONCE, from)
      from = upTo
      if (count === AT_ONCE) continue
    } catch (error) {
      logger.warn({ event: 'old_inbox_rows_kept', err: error }, 'old inbox rows were not deleted')
    }
    await delay(EVERY_MS, undefined, { signal }).catch(() => {})
  }
}
