import { withTransaction } from '@orders/service-kit'
import type pg from 'pg'
import { addStats, type Counts, type RowPlace } from './add-stats.ts'
import { insertInbox } from './insert-inbox.ts'
import { readVersions } from './read-versions.ts'
import { writeHistory } from './write-history.ts'
import { writeViews, type NewestEvent } from './write-views.ts'
import type { ReceivedEvent } from './received-event.ts'
import { guardVersions } from './version-guard.ts'

/** Where the counts of each partition are; of one process, and forgotten with it. */
export type StatsPlaces = Map<number, RowPlace>

/**
 * Applies events of one partition: inbox and effect in one transaction. Whatever happens around it, each event takes
 * effect once: before the commit nothing has happened, after it the inbox knows.
 */
export async function applyEvents (
  pool: pg.Pool, partition: number, events: readonly ReceivedEvent[], deadLetters: number, places: StatsPlaces
): Promise<Counts> {
  const { counts, place } = await withTransaction(pool, (client) => writeEvents(client, partition, events, deadLetters, places.get(partition)))
  places.set(partition, place)
  return counts
}

/** All that an application writes, in the transaction of the caller. */
export async function writeEvents (
  client: pg.ClientBase, partition: number, events: readonly ReceivedEvent[], deadLetters: number, known?: RowPlace
): Promise<{ counts: Counts, place: RowPlace }> {
  const fresh = events.length === 0 ? new Set<string>() : await insertInbox(client, events.map(({ eventId }) => eventId))
  // The same event twice in one batch is one fresh id.
  const unseen = events.filter(({ eventId }) => fresh.delete(eventId))
  const versions = unseen.length === 0 ? new Map<string, number>() : await readVersions(client, unseen.map(({ orderId }) => orderId))
  const { effective, stale, gaps } = guardVersions(unseen, versions)
  if (effective.length > 0) {
    await writeHistory(client, effective)
    await writeViews(client, newestOfEach(effective))
  }
  const counts = { applied: effective.length, duplicates: events.length - unseen.length + stale, gaps, deadLetters }
  return { counts, place: await addStats(client, partition, counts, known) }
}

/** An insert may name each order once. */
function newestOfEach (events: readonly ReceivedEvent[]): NewestEvent[] {
  const orders = new Map<string, NewestEvent>()
  for (const event of events) {
    orders.set(event.orderId, { newest: event, firstAt: orders.get(event.orderId)?.firstAt ?? event.occurredAt })
  }
  return [...orders.values()]
}
