import { setTimeout as delay } from 'node:timers/promises'
import { PublisherFencedError } from '@orders/kafka'
import { FencedError, type SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import type { Backoff } from './backoff.ts'
import type { Delivery, Term } from './delivery.ts'
import type { RelayMetrics } from './metrics.ts'
import type { OutboxReader } from './outbox-reader.ts'
import { publishLoop } from './publish-loop.ts'
import type { RefusedRecords } from './refused-records.ts'

export interface ShardRelayOptions {
  shard: number
  db: SqlClient
  delivery: Delivery
  /** A new one for every term: what the last one knew of the outbox may be wrong after a fail-over of Postgres. */
  createReader: () => OutboxReader
  refused: RefusedRecords
  backoff: Backoff
  metrics: RelayMetrics
  logger: Logger
}

/**
 * Publishes one shard: take over, loop; after any failure throw everything away, wait a little, take over again.
 * There is no second recovery path.
 */
export class ShardRelay {
  readonly #options: ShardRelayOptions

  constructor (options: ShardRelayOptions) {
    this.#options = options
  }

  /**
   * Resolves when `signal` is aborted, after the batch in flight is finished.
   *
   * @throws FencedError | PublisherFencedError when another relay has taken the shard over. Coming back at once would
   *   fence that one in turn, so whether to is not decided here.
   */
  async run (signal: AbortSignal): Promise<void> {
    const { backoff, logger, metrics, shard } = this.#options
    while (!signal.aborted) {
      try {
        await this.#term(signal)
      } catch (error) {
        if (isFenced(error)) {
          metrics.fenced(shard)
          throw error
        }
        const delayMs = Math.round(backoff.nextDelayMs())
        metrics.publishFailed(error)
        logger.warn({ err: error, shard, delayMs }, 'publishing failed, taking over again')
        await delay(delayMs, undefined, { signal }).catch(() => {})
      }
    }
  }

  async #term (signal: AbortSignal): Promise<void> {
    const { backoff, createReader, db, delivery, logger, metrics, refused, shard } = this.#options
    const startedAt = performance.now()
    const term: Term = await delivery.takeOver()
    try {
      const { epoch } = term.fence
      metrics.tookOver(shard, epoch, performance.now() - startedAt)
      logger.info({ shard, epoch, durationMs: Math.round(performance.now() - startedAt) }, 'took over')
      await publishLoop(term, {
        db,
        reader: createReader(),
        refused,
        onPublished: (batch, durationMs) => {
          backoff.reset()
          metrics.published(batch, durationMs)
        }
      }, signal)
    } finally {
      metrics.termEnded(shard)
      await term.close()
    }
  }
}

/** Whether the error says that another relay has taken over. */
export function isFenced (error: unknown): boolean {
  return error instanceof FencedError || error instanceof PublisherFencedError
}
