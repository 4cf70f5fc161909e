import { complete, NO_EVENTS, type EventNames, type SqlClient } from '@orders/outbox'
import type { Batch } from './batch.ts'
import type { Term } from './delivery.ts'
import type { OutboxReader } from './outbox-reader.ts'
import type { RefusedRecords } from './refused-records.ts'

export interface PublishLoopOptions {
  db: SqlClient
  reader: OutboxReader
  refused: RefusedRecords
  /** Everything that there was is published. */
  onIdle: () => void
  onPublished: (batch: Batch, durationMs: number) => void
}

/**
 * Read, publish, complete, until `signal` is aborted; then the batch in flight is finished first.
 *
 * One batch is in flight at a time: of two, the second could be in Kafka and the first not, and an aggregate's events
 * would be out of order. What is not in order is done beside it: a batch is completed with the next one's claim, and the
 * next one is read meanwhile when there is a backlog. When there is none, it is read after: what was committed in between
 * would else wait for one batch more.
 *
 * @throws whatever failed. The term is over then: nothing of it may be used again.
 */
export async function publishLoop (term: Term, options: PublishLoopOptions, signal: AbortSignal): Promise<void> {
  const { db, reader, refused, onIdle, onPublished } = options
  /** What is in Kafka, and not completed yet; no more of it than the names is kept in memory. */
  let before: EventNames = NO_EVENTS
  const completeBefore = async () => {
    if (before.ids.length > 0) await complete(db, term.fence, before)
    before = NO_EVENTS
  }
  let next: Promise<Batch> | undefined
  while (!signal.aborted) {
    const batch = await (next ?? reader.read(before.ids, refused.batchLimit))
    next = undefined
    if (batch.ids.length === 0) {
      await completeBefore()
      onIdle()
      await reader.waitForEvents(signal)
      continue
    }
    if (refused.hasOversized(batch)) {
      // A dead letter clears the claim, and with it what is known of the batch before.
      await completeBefore()
      await refused.removeOversized(term.fence, batch)
      continue
    }
    const startedAt = performance.now()
    if (batch.isFull) next = reader.read([...before.ids, ...batch.ids], refused.batchLimit)
    // It is awaited above; until then a failure of it must not pass for one that nobody handles.
    next?.catch(() => {})
    try {
      await term.publish(batch, before)
    } catch (error) {
      await refused.handle(error, term.fence, batch)
      throw error
    }
    before = { ids: batch.ids, eventIds: batch.eventIds }
    refused.published(batch)
    onPublished(batch, performance.now() - startedAt)
  }
  await completeBefore()
}
