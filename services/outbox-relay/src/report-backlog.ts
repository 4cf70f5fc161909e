import { setTimeout as delay } from 'node:timers/promises'
import { BacklogMeter, type SqlClient, type TypeFilter } from '@orders/outbox'
import type { Logger } from 'pino'
import { hintFor } from './publishing/failure-hints.ts'
import type { RelayMetrics } from './metrics.ts'

const EVERY_MS = 1_000
/** Reports take a twentieth of the time at most: a very long backlog is reported less often, and does not keep the database busy. */
const PAUSE_FACTOR = 20
const PAUSE_AT_MOST_MS = 30_000

export interface ReportBacklogOptions {
  db: SqlClient
  metrics: RelayMetrics
  logger: Logger
  /** The aggregate types that the relays read now. */
  types: () => TypeFilter | undefined
}

/** Updates the backlog's gauges, on every replica: if only the leader did, they would stand still while there is none. */
export async function reportBacklog ({ db, metrics, logger, types }: ReportBacklogOptions, signal: AbortSignal): Promise<void> {
  const meter = new BacklogMeter()
  let failure: string | undefined
  while (!signal.aborted) {
    const startedAt = performance.now()
    try {
      metrics.backlog(await meter.measure(db, types()))
      if (failure !== undefined) logger.info({ event: 'outbox_readable' }, 'the outbox can be read again')
      failure = undefined
    } catch (error) {
      // The last values would show a healthy outbox for as long as Postgres is away.
      metrics.backlogUnknown()
      const { message } = error as Error
      if (failure !== message && !signal.aborted) logger.warn({ event: 'outbox_unreadable', err: error }, `the outbox cannot be read: ${message}${hintFor(error)}`)
      failure = message
    }
    const pauseMs = Math.min(Math.max(EVERY_MS, (performance.now() - startedAt) * PAUSE_FACTOR), PAUSE_AT_MOST_MS)
    await delay(pauseMs, undefined, { signal }).catch(() => {})
  }
}
