import { setTimeout as delay } from 'node:timers/promises'
import { isUnavailable, type OutageLog } from '@orders/service-kit'
import type { Logger } from 'pino'
import type pg from 'pg'
import { deleteOldKeys } from './keys.ts'

const EVERY_MS = 60_000
const AT_ONCE = 1_000

/** Deletes idempotency keys past their retention, until `signal` is aborted. Every replica does; deleting twice is nothing. */
export async function forgetOldKeys (
  pool: pg.Pool, retentionHours: number, { logger, outages, signal }: { logger: Logger, outages: OutageLog | undefined, signal: AbortSignal }
): Promise<void> {
  while (!signal.aborted) {
    try {
      const deleted = await deleteOldKeys(pool, retentionHours, AT_ONCE)
      if (deleted === AT_ONCE) continue
    } catch (error) {
      // An outage is told once, by whoever meets it first.
      if (isUnavailable(error) && outages !== undefined) outages.met(error as Error)
      else logger.warn({ event: 'old_keys_kept', err: error }, 'old idempotency keys were not deleted')
    }
    await delay(EVERY_MS, undefined, { signal }).catch(() => {})
  }
}
