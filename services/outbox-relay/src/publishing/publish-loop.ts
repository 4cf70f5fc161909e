import { complete, NO_EVENTS, type EventNames, type SqlClient } from '@orders/outbox'
import type { Batch } from './batch.ts'
import type { Term } from './delivery.ts'
import type { OutboxReader } from './outbox-reader.ts'
import type { RefusedRecords } from './refused-records.ts'
import type { TopicGate } from './topic-gate.ts'

export interface PublishLoopOptions {
  db: SqlClient
  reader: OutboxReader
  refused: RefusedRecords
  gate: TopicGate
  /** Everything that there was is published. Must not throw, as the other one: what only counts may not end a term. */
  onIdle: () => void
  onPublished: (batch: Batch, durationMs: number) => void
}

/** Of a topic that is given up: more would hold the other topics' events back, for each is a statement. */
const GIVE_UP_AT_ONCE = 20

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
  const { db, gate, reader, refused, onIdle, onPublished } = options
  /** What is in Kafka, and not completed yet; no more of it than the names is kept in memory. */
  let before: EventNames = NO_EVENTS
  const completeBefore = async () => {
    if (before.ids.length > 0) await complete(db, term.fence, before)
    before = NO_EVENTS
  }
  const giveUp = async () => {
    const { givenUp } = gate
    if (givenUp === undefined) return
    // A dead letter clears the claim, and with it what is known of the batch before.
    await completeBefore()
    const { events } = await reader.read([], GIVE_UP_AT_ONCE, givenUp)
    for (const event of events) await refused.giveUp(term.fence, event, gate.reasonFor(event.aggregateType))
  }
  let next: Promise<Batch> | undefined
  while (!signal.aborted) {
    if (next === undefined) await giveUp()
    const batch = await (next ?? reader.read(before.ids, refused.batchLimit))
    next = undefined
    if (refused.hasUnsendable(batch)) {
      // See giveUp.
      await completeBefore()
      await refused.removeUnsendable(term.fence, batch)
      continue
    }
    if (batch.ids.length === 0) {
      await completeBefore()
      onIdle()
      await reader.waitForEvents(signal)
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
    refused.published()
    gate.written(batch)
    onPublished(batch, performance.now() - startedAt)
  }
  await completeBefore()
}
