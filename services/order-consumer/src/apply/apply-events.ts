import { withTransaction } from '@orders/service-kit'
import type pg from 'pg'
import type { ReceivedEvent } from './received-event.ts'
import { addStats, insertInbox, readVersions, writeHistory, writeViews, type Counts, type NewestEvent, type RowPlace } from './repository.ts'
import { guardVersions } from './version-guard.ts'

/** Where the counts of each partition are in their table. Known to one process only, and lost with it. */
export type StatsPlaces = Map<number, RowPlace>

/**
 * Applies events of one partition exactly once: one transaction writes the inbox and the effect. Before its commit nothing has
 * happened. After it, the inbox rejects the same events.
 */
export async function applyEvents (
  pool: pg.Pool, partition: number, events: readonly ReceivedEvent[], deadLetters: number, places: StatsPlaces
): Promise<Counts> {
  const { counts, place } = await withTransaction(pool, (transaction) => writeEffects(transaction, partition, events, deadLetters, places.get(partition)))
  places.set(partition, place)
  return counts
}

/** Everything that {@link applyEvents} writes, in the caller's transaction. */
export async function writeEffects (
  transaction: pg.ClientBase, partition: number, events: readonly ReceivedEvent[], deadLetters: number, known?: RowPlace
): Promise<{ counts: Counts, place: RowPlace }> {
  const fresh = events.length === 0 ? new Set<string>() : await insertInbox(transaction, events.map(({ eventId }) => eventId))
  // `delete` keeps only the first of two copies of an event in one batch.
  const unseen = events.filter(({ eventId }) => fresh.delete(eventId))
  const versions = unseen.length === 0 ? new Map<string, number>() : await readVersions(transaction, unseen.map(({ orderId }) => orderId))
  const { effective, stale, gaps } = guardVersions(unseen, versions)
  if (effective.length > 0) {
    await writeHistory(transaction, effective)
    await writeViews(transaction, newestOfEach(effective))
  }
  const counts = { applied: effective.length, duplicates: events.length - unseen.length + stale, gaps, deadLetters }
  return { counts, place: await addStats(transaction, partition, counts, known) }
}

/** One entry for each order: an INSERT … ON CONFLICT cannot change the same row twice. */
function newestOfEach (events: readonly ReceivedEvent[]): NewestEvent[] {
  const orders = new Map<string, NewestEvent>()
  for (const event of events) {
    orders.set(event.orderId, { newest: event, firstAt: orders.get(event.orderId)?.firstAt ?? event.occurredAt })
  }
  return [...orders.values()]
}
