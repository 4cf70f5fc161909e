import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type pg from 'pg'
import { deleteOldInbox } from './data/insert-inbox.ts'

const EVERY_MS = 60_000
const AT_ONCE = 5_000

/** Deletes inbox rows past their retention, until `signal` is aborted. */
export async function forgetOldEvents (pool: pg.Pool, retentionHours: number, logger: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const deleted = await deleteOldInbox(pool, retentionHours, AT_ONCE)
      if (deleted === AT_ONCE) continue
    } catch (error) {
      logger.warn({ err: error }, 'old inbox rows were not deleted')
    }
    await delay(EVERY_MS, undefined, { signal }).catch(() => {})
  }
}
