import { setTimeout as delay } from 'node:timers/promises'
import { isUnavailable, type OutageLog } from '@orders/service-kit'
import type { Logger } from 'pino'
import type pg from 'pg'
import { deleteOldKeys } from './keys.ts'

const INTERVAL_MS = 60_000
const BATCH_SIZE = 1_000

/** Deletes idempotency keys past their retention, until `signal` is aborted. Every replica runs it: concurrent deletes do no harm. */
export async function purgeIdempotencyKeys (
  pool: pg.Pool, retentionHours: number, { logger, outages, signal }: { logger: Logger, outages: OutageLog | undefined, signal: AbortSignal }
): Promise<void> {
  let from: string | undefined
  while (!signal.aborted) {
    try {
      const { count, upTo } = await deleteOldKeys(pool, retentionHours, BATCH_SIZE, from)
      from = upTo
      if (count === BATCH_SIZE) continue
    } catch (error) {
      // The outage log has one line for each outage, however many callers meet it.
      if (isUnavailable(error) && outages !== undefined) outages.met(error as Error)
      else logger.warn({ event: 'old_keys_kept', err: error }, 'old idempotency keys were not deleted')
    }
    await delay(INTERVAL_MS, undefined, { signal }).catch(() => {})
  }
}
