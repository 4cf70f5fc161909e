import { RecordRefusedError } from '@orders/kafka'
import { complete, NO_EVENTS, type EventNames, type Fence, type SqlClient } from '@orders/outbox'
import type { Batch } from './batch.ts'
import type { PublishingTerm } from './delivery.ts'
import type { OutboxReader } from './outbox-reader.ts'
import type { RefusedRecords } from './refused-records.ts'
import type { TopicGate } from './topic-gate.ts'

export interface PublishLoopOptions {
  db: SqlClient
  reader: OutboxReader
  refused: RefusedRecords
  gate: TopicGate
  /** Everything that was in the outbox is published. Neither callback may throw: bookkeeping must not end a term. */
  onIdle: () => void
  onPublished: (batch: Batch, durationMs: number) => void
}

/** Events of expired topics for one pass of the loop. Each is a statement, and more would hold the other topics' events back. */
const EXPIRED_AT_ONCE = 20

/**
 * Reads, publishes and completes one batch after the other, until `signal` is aborted. The batch in flight is finished first.
 *
 * One batch is in flight at a time. Of two, the second could be in Kafka and the first not, and an aggregate's events would be
 * out of order. The next batch is read meanwhile when there is a backlog. Without a backlog it is read afterwards: events
 * that are committed in between would otherwise wait for one batch more.
 *
 * @throws the first failure. The term is over then, and nothing of it may be used again.
 */
export async function publishLoop (term: PublishingTerm, options: PublishLoopOptions, signal: AbortSignal): Promise<void> {
  const { db, gate, reader, refused, onIdle, onPublished } = options
  const pipeline = new Pipeline(term, db)
  let next: Promise<Batch> | undefined
  while (!signal.aborted) {
    if (next === undefined) await deadLetterExpiredTopics(pipeline, options)
    const batch = await (next ?? reader.read(pipeline.uncompleted, refused.batchLimit))
    next = undefined

    if (batch.unsendable.length > 0) {
      // Read again afterwards: the batch may hold later events of the same aggregates.
      await refused.deadLetterUnsendable(await pipeline.complete(), batch)
      continue
    }
    if (batch.ids.length === 0) {
      await pipeline.complete()
      onIdle()
      await reader.waitForEvents(signal)
      continue
    }

    const startedAt = performance.now()
    if (batch.isFull) next = reader.read([...pipeline.uncompleted, ...batch.ids], refused.batchLimit)
    // Avoids an unhandled rejection while the batch is in flight; awaited above.
    next?.catch(() => {})
    try {
      await pipeline.publish(batch)
    } catch (error) {
      if (error instanceof RecordRefusedError) await refused.handle(error, await pipeline.complete(), batch)
      throw error
    }
    refused.published()
    gate.written(batch)
    onPublished(batch, performance.now() - startedAt)
  }
  await pipeline.complete()
}

/** Events of a topic that has been missing for longer than RELAY_TOPIC_GRACE_MS become dead letters. */
async function deadLetterExpiredTopics (pipeline: Pipeline, { gate, reader, refused }: PublishLoopOptions): Promise<void> {
  const { expired } = gate
  if (expired === undefined) return
  const fence = await pipeline.complete()
  const { read } = await reader.read([], EXPIRED_AT_ONCE, expired)
  for (const event of read) await refused.deadLetterExpired(fence, event, gate.reasonFor(event.aggregateType))
}

/**
 * The batch that is in Kafka and not completed yet, and the rule about it: the publish of the next batch completes it, in one
 * commit of Postgres instead of two. Where no batch follows, {@link Pipeline.complete} does.
 *
 * Nothing else may come in between. The next claim and every dead letter overwrite the claim, and with it what a takeover would know
 * of the batch. That is why `complete` gives out the fence that a dead letter needs.
 */
class Pipeline {
  readonly #term: PublishingTerm
  readonly #db: SqlClient
  /** Only the names: the payloads need not stay in memory. */
  #before: EventNames = NO_EVENTS

  constructor (term: PublishingTerm, db: SqlClient) {
    this.#term = term
    this.#db = db
  }

  /** The ids of events that are in Kafka and still in the outbox. A read has to leave them out. */
  get uncompleted (): readonly string[] {
    return this.#before.ids
  }

  async publish (batch: Batch): Promise<void> {
    try {
      await this.#term.publish(batch, this.#before)
      this.#before = { ids: batch.ids, eventIds: batch.eventIds }
    } catch (error) {
      // The term refuses a record only after it has completed the batch before.
      if (error instanceof RecordRefusedError) this.#before = NO_EVENTS
      throw error
    }
  }

  /** Completes the batch before, if there is one. @returns the fence, for a statement that clears the claim */
  async complete (): Promise<Fence> {
    if (this.#before.ids.length > 0) await complete(this.#db, this.#term.fence, this.#before)
    this.#before = NO_EVENTS
    return this.#term.fence
  }
}
