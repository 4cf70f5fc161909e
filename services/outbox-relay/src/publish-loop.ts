import { complete, type SqlClient } from '@orders/outbox'
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
 * would be out of order. The next one is read meanwhile.
 *
 * @throws whatever failed. The term is over then: nothing of it may be used again.
 */
export async function publishLoop (term: Term, options: PublishLoopOptions, signal: AbortSignal): Promise<void> {
  const { db, reader, refused, onIdle, onPublished } = options
  let batch = await reader.read([], refused.batchLimit)
  while (!signal.aborted) {
    if (batch.ids.length === 0) {
      onIdle()
      await reader.waitForEvents(signal)
      batch = await reader.read([], refused.batchLimit)
      continue
    }
    if (await refused.removeOversized(term.fence, batch)) {
      batch = await reader.read([], refused.batchLimit)
      continue
    }
    const startedAt = performance.now()
    const next = reader.read(batch.ids, refused.batchLimit)
    // It is awaited below; until then a failure of it must not pass for one that nobody handles.
    next.catch(() => {})
    try {
      await term.publish(batch)
    } catch (error) {
      await refused.handle(error, term.fence, batch)
      throw error
    }
    await complete(db, term.fence, batch.ids)
    refused.published(batch)
    onPublished(batch, performance.now() - startedAt)
    batch = await next
  }
}
