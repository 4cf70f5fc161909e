import { setTimeout as delay } from 'node:timers/promises'
import { PublisherFencedError, RecordRefusedError, TopicUnavailableError } from '@orders/kafka'
import { FencedError, takeOverShard, type Fence, type ShardState, type SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import type { Backoff } from './backoff.ts'
import type { Delivery } from './delivery.ts'
import { hintFor } from './failure-hints.ts'
import { SharedNameError, type ForeignPositions } from './foreign-positions.ts'
import { LayoutMismatchError, type LayoutGuard } from '../layout/layout-guard.ts'
import type { RelayMetrics } from '../metrics.ts'
import type { OutboxReader } from './outbox-reader.ts'
import { publishLoop } from './publish-loop.ts'
import type { RefusedRecords } from './refused-records.ts'
import type { TopicGate } from './topic-gate.ts'

export interface ShardRelayOptions {
  shard: number
  /** This process, as it stands in `relay_shard`. */
  holder: string
  db: SqlClient
  delivery: Delivery
  layout: LayoutGuard
  foreignPositions: ForeignPositions
  /** A new one for every term: what the last one knew of the outbox may be wrong after a fail-over of Postgres. */
  createReader: () => OutboxReader
  refused: RefusedRecords
  gate: TopicGate
  backoff: Backoff
  /** Failing for longer than this, it gives the shard up: another relay may have what it lacks. */
  progressDeadlineMs: number
  metrics: RelayMetrics
  logger: Logger
}

/** There was work and none of it got done. */
export class NoProgressError extends Error {
  readonly code = 'RELAY_NO_PROGRESS'

  constructor (shard: number, forMs: number, cause: unknown) {
    super(`shard ${shard}: nothing was published for ${Math.round(forMs)} ms (RELAY_PROGRESS_DEADLINE_MS), the last failure: ${(cause as Error).message}${hintFor(cause)}`, { cause })
    this.name = 'NoProgressError'
  }
}

/**
 * Publishes one shard: take over, loop; after any failure throw everything away, wait a little, take over again.
 * There is no second recovery path.
 */
export class ShardRelay {
  readonly #options: ShardRelayOptions
  #progressAt = 0

  constructor (options: ShardRelayOptions) {
    this.#options = options
  }

  /**
   * Resolves when `signal` is aborted, after the batch in flight is finished.
   *
   * @param expectedState take the shard only if it is still as was read; left out, from whoever holds it
   * @throws FencedError when another relay has taken the shard over. Coming back at once would fence that one in turn, so
   *   whether to is not decided here.
   * @throws NoProgressError
   * @throws LayoutMismatchError when the database's relays have other settings
   * @throws SharedNameError when another database's relays use this name; a new call waits before it tries again
   */
  async run (signal: AbortSignal, expectedState?: ShardState): Promise<void> {
    const { backoff, db, foreignPositions, gate, holder, layout, logger, metrics, progressDeadlineMs, refused, shard } = this.#options
    let expected: Fence | ShardState | undefined = expectedState
    await foreignPositions.pause(signal)
    this.#progressAt = performance.now()
    while (!signal.aborted) {
      const { steps } = refused
      try {
        // Waiting for a topic is no failure of this relay: another one would wait for it too.
        if (await gate.ready(signal)) this.#progressAt = performance.now()
        if (signal.aborted) return
        const startedAt = performance.now()
        const taken = await takeOverShard(db, shard, holder, { expected, layout: await layout.hold() })
        expected = taken.fence
        await this.#term(await this.#options.delivery.begin(taken), startedAt, signal)
      } catch (error) {
        metrics.termFailed(shard, error)
        if (error instanceof SharedNameError) logger.error({ event: 'name_shared', err: error, shard }, 'two databases share RELAY_NAME: stepping down for a while')
        if (error instanceof FencedError || error instanceof LayoutMismatchError || error instanceof SharedNameError) throw error
        // Kafka has answered, and would refuse another relay as well.
        if (error instanceof RecordRefusedError || error instanceof TopicUnavailableError) this.#progressAt = performance.now()
        if (error instanceof TopicUnavailableError && gate.withhold(error)) {
          // The next term leaves it out: a pause would hold the events of all other topics back.
          logger.info({ event: 'topics_left_out', shard, topics: error.topics }, 'taking over again without the topics that cannot be written to')
          backoff.reset()
          continue
        }
        // The search for what it refuses is no outage: a pause after each step of it would hold everything else back.
        if (refused.steps > steps) backoff.reset()
        const failingMs = performance.now() - this.#progressAt
        if (failingMs > progressDeadlineMs) throw new NoProgressError(shard, failingMs, error)
        const delayMs = Math.round(backoff.nextDelayMs())
        // Kafka's fence alone is no reason to step down: a former leader that slept takes the producer's epoch too, and
        // then finds that the shard is not its own. Our own fence, which the next take-over presents, says whose it is.
        const fenced = error instanceof PublisherFencedError
        logger.warn({ event: fenced ? 'fenced_in_kafka' : 'publish_failed', err: error, shard, delayMs, hint: hintFor(error) || undefined }, fenced ? 'fenced in Kafka, looking whose shard it is' : 'publishing failed, taking over again')
        await delay(delayMs, undefined, { signal }).catch(() => {})
      }
    }
  }

  async #term (term: Awaited<ReturnType<Delivery['begin']>>, startedAt: number, signal: AbortSignal): Promise<void> {
    const { backoff, createReader, db, foreignPositions, gate, logger, metrics, refused, shard } = this.#options
    const { epoch } = term.fence
    const takeOverMs = performance.now() - startedAt
    let published = 0
    metrics.tookOver(shard, epoch, takeOverMs)
    logger.info({ event: 'took_over', shard, epoch, durationMs: Math.round(takeOverMs) }, 'took over')
    try {
      if (term.foundForeignPosition === true) {
        metrics.positionForeign(shard)
        foreignPositions.note()
      }
      await publishLoop(term, {
        db,
        reader: createReader(),
        refused,
        gate,
        onIdle: () => { this.#progressAt = performance.now() },
        onPublished: (batch, durationMs) => {
          this.#progressAt = performance.now()
          backoff.reset()
          metrics.published(batch, durationMs)
          if (published++ === 0) metrics.firstPublished(batch)
        }
      }, signal)
    } finally {
      metrics.termEnded(shard)
      await term.close()
    }
  }
}
