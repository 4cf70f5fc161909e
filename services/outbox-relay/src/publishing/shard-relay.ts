import { setTimeout as delay } from 'node:timers/promises'
import { PublisherFencedError, RecordRefusedError, TopicUnavailableError } from '@orders/kafka'
import { FencedError, type Fence, type ShardState, type SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import type { RelayMetrics } from '../metrics.ts'
import type { Backoff } from './backoff.ts'
import type { Delivery, PublishingTerm } from './delivery.ts'
import { hintFor } from './failure-hints.ts'
import { SharedNameError, type ForeignPositions } from './foreign-positions.ts'
import type { OutboxReader } from './outbox-reader.ts'
import { publishLoop } from './publish-loop.ts'
import type { RefusedRecords } from './refused-records.ts'
import { StepDownError } from './step-down-error.ts'
import { takeOver } from './take-over.ts'
import type { TopicGate } from './topic-gate.ts'

export interface ShardRelayOptions {
  shard: number
  /** The name of this process, as it is written to `relay_shard`. */
  holder: string
  db: SqlClient
  delivery: Delivery
  /** Gives the layout token for a takeover, if this relay's settings match. */
  layout: { hold: () => Promise<string> }
  foreignPositions: ForeignPositions
  /** A new one for each term: what the last one knew of the outbox may be wrong after a failover of Postgres. */
  createReader: () => OutboxReader
  refused: RefusedRecords
  gate: TopicGate
  backoff: Backoff
  /** After failing for this long, the relay gives the shard up: another replica may have what it lacks. */
  progressDeadlineMs: number
  metrics: RelayMetrics
  logger: Logger
}

/** There was work, and none of it was done. */
export class NoProgressError extends Error {
  readonly code = 'RELAY_NO_PROGRESS'

  constructor (shard: number, forMs: number, cause: unknown) {
    super(`shard ${shard}: nothing was published for ${Math.round(forMs)} ms (RELAY_PROGRESS_DEADLINE_MS), the last failure: ${(cause as Error).message}${hintFor(cause)}`, { cause })
    this.name = 'NoProgressError'
  }
}

/**
 * Publishes one shard: take over, then the publish loop. After any failure it discards everything, waits a little and takes
 * over again. There is no second recovery path.
 */
export class ShardRelay {
  readonly #options: ShardRelayOptions
  /** When this relay last did all that it could. */
  #progressAt = 0

  constructor (options: ShardRelayOptions) {
    this.#options = options
  }

  /**
   * Resolves when `signal` is aborted, after the batch in flight is finished.
   *
   * @param expectedState take the shard over only if it is still as was read; left out, from any holder
   * @throws FencedError when another relay has taken the shard over. A relay that took over again at once would fence that one in
   *   turn, so the caller decides when.
   * @throws NoProgressError
   * @throws StepDownError when the database's relays have other settings (LayoutMismatchError), or another database's relays use this
   *   name ({@link SharedNameError}); after the second, a new call waits before it tries again
   */
  async run (signal: AbortSignal, expectedState?: ShardState): Promise<void> {
    const { db, delivery, foreignPositions, gate, holder, layout, metrics, refused, shard } = this.#options
    let expected: Fence | ShardState | undefined = expectedState
    await foreignPositions.pause(signal)
    this.#progressAt = performance.now()
    while (!signal.aborted) {
      const stepsBefore = refused.steps
      try {
        // Waiting for a topic is no failure of this relay: another one would wait for it too.
        if (await gate.ready(signal)) this.#progressAt = performance.now()
        if (signal.aborted) return
        const startedAt = performance.now()
        const term = await takeOver({
          db, delivery, shard, holder, expected, layout: await layout.hold(), onEpochRaised: (fence) => { expected = fence }
        })
        await this.#publish(term, performance.now() - startedAt, signal)
      } catch (error) {
        metrics.termFailed(shard, error)
        this.#throwIfOver(error)
        const delayMs = this.#delayAfter(error, refused.steps > stepsBefore)
        if (delayMs > 0) await delay(delayMs, undefined, { signal }).catch(() => {})
      }
    }
  }

  /** One term: from the takeover to the first failure. */
  async #publish (term: PublishingTerm, takeOverMs: number, signal: AbortSignal): Promise<void> {
    const { backoff, createReader, db, foreignPositions, gate, logger, metrics, refused, shard } = this.#options
    const { epoch } = term.fence
    await using end = new AsyncDisposableStack()
    end.defer(() => term.close())
    end.defer(() => { metrics.termEnded(shard) })
    metrics.tookOver(shard, epoch, takeOverMs)
    logger.info({ event: 'took_over', shard, epoch, durationMs: Math.round(takeOverMs) }, 'took over')
    if (term.foundForeignPosition === true) {
      metrics.positionForeign(shard)
      foreignPositions.note()
    }
    let published = 0
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
  }

  /** @throws the failures after which taking over again at once would do harm, or would fail again */
  #throwIfOver (error: unknown): void {
    const { logger, shard } = this.#options
    if (error instanceof SharedNameError) logger.error({ event: 'name_shared', err: error, shard }, 'two databases share RELAY_NAME: stepping down for a while')
    if (error instanceof FencedError || error instanceof StepDownError) throw error
  }

  /**
   * How long to wait before the next takeover, in milliseconds.
   *
   * @param searchWentOn the refused record is closer to being found
   * @throws NoProgressError
   */
  #delayAfter (error: unknown, searchWentOn: boolean): number {
    const { backoff, gate, logger, progressDeadlineMs, shard } = this.#options
    // Kafka has answered, and would refuse another relay as well.
    if (error instanceof RecordRefusedError || error instanceof TopicUnavailableError) this.#progressAt = performance.now()
    if (error instanceof TopicUnavailableError && gate.withhold(error)) {
      // The next term leaves the topic out: a pause would hold back the events of all other topics.
      logger.info({ event: 'topics_left_out', shard, topics: error.topics }, 'taking over again without the topics that cannot be written to')
      backoff.reset()
      return 0
    }
    // The search for a refused record is no outage: a pause after each of its steps would hold back everything else.
    if (searchWentOn) backoff.reset()
    const failingMs = performance.now() - this.#progressAt
    if (failingMs > progressDeadlineMs) throw new NoProgressError(shard, failingMs, error)
    const delayMs = Math.round(backoff.nextDelayMs())
    // Kafka's fence alone is no reason to step down: a former leader that was frozen takes the producer epoch too, and then finds
    // that the shard is not its own. The next takeover presents our own fence to Postgres, which decides.
    const fenced = error instanceof PublisherFencedError
    logger.warn({ event: fenced ? 'fenced_in_kafka' : 'publish_failed', err: error, shard, delayMs, hint: hintFor(error) || undefined },
      fenced ? 'fenced in Kafka, checking in Postgres which relay has the shard' : 'publishing failed, taking over again')
    return delayMs
  }
}
