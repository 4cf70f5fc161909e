import { deletePublished } from './delete-published.ts'
import type { EventNames } from './event-names.ts'
import { changeHeld, type Fence } from './fence.ts'
import { idArray, type SqlClient } from './sql-client.ts'

/**
 * Deletes published events (see {@link deletePublished}) and clears the claim, in one statement with the fence.
 *
 * @throws FencedError when the shard was taken over since, or the database restored; then nothing was deleted
 */
export async function complete (client: SqlClient, fence: Fence, events: EventNames): Promise<void> {
  await changeHeld(client, fence, {
    name: 'outbox_complete',
    set: CLEARED,
    also: deletePublished('$5', '$6'),
    values: [idArray(events.ids), idArray(events.eventIds)]
  })
}

/** No batch is in flight. The token stays, because Kafka has it. */
export const CLEARED = 'claimed_ids = \'{}\', claimed_events = \'{}\''
