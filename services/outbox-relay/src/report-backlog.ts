import { setTimeout as delay } from 'node:timers/promises'
import { backlog, type SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import type { RelayMetrics } from './metrics.ts'

const EVERY_MS = 1_000

/** Keeps the backlog's gauges fresh, on every replica: if only a leader did, they would freeze when there is none. */
export async function reportBacklog (db: SqlClient, metrics: RelayMetrics, logger: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      metrics.backlog(await backlog(db))
    } catch (error) {
      logger.debug({ err: error }, 'the backlog could not be read')
    }
    await delay(EVERY_MS, undefined, { signal }).catch(() => {})
  }
}
