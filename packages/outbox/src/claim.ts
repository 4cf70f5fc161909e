import { deletePublished } from './delete-published.ts'
import { NO_EVENTS, type EventNames } from './event-names.ts'
import { changeHeld, type Fence } from './fence.ts'
import { idArray, type SqlClient } from './sql-client.ts'

/** The name of a batch, and its number. */
export interface BatchName {
  /** Random, a UUID. Whether the batch is in Kafka is decided by this alone. */
  token: string
  /** The number of the batch before, and one. */
  batch: bigint
}

/**
 * Notes which events the next batch holds, and its name. A takeover compares that name with the one that Kafka has committed, and
 * knows of every claimed event whether it is in the topic.
 *
 * In the same statement it completes the batch before (see {@link complete}): one commit for each batch, not two. Only
 * together: the note of the batch before is overwritten here, and with it goes what is known of its events.
 *
 * This statement must be durable before Kafka is told to commit (`synchronous_commit` on): a claim that Postgres forgets
 * after Kafka committed its batch is a batch published twice.
 *
 * @param published the events of the batch before, which is in Kafka; none when it is completed already
 * @throws FencedError when the shard was taken over since, or the database restored; then nothing was deleted either
 */
export async function claim (
  client: SqlClient, fence: Fence, { token, batch }: BatchName, events: EventNames, published: EventNames = NO_EVENTS
): Promise<void> {
  await changeHeld(client, fence, {
    name: 'outbox_claim',
    set: 'batch = $5, token_before = token, token = $4::uuid::text, claimed_ids = $6::bigint[], claimed_events = $7::uuid[]',
    where: 'AND batch = $5::bigint - 1',
    also: deletePublished('$8', '$9'),
    values: [String(batch), idArray(events.ids), idArray(events.eventIds), idArray(published.ids), idArray(published.eventIds)],
    revision: token
  })
}

/**
 * Forgets the claim, whose batch is not in Kafka or not known to be, and writes down which name Kafka has. The next takeover
 * finds both alike then: one restore is found once, and not at every takeover.
 *
 * @param position what Kafka has; the numbers go on from the higher one
 * @throws FencedError when the shard was taken over since, or the database restored
 */
export async function dropClaim (client: SqlClient, fence: Fence, position: BatchName): Promise<void> {
  await changeHeld(client, fence, {
    name: 'outbox_drop_claim',
    set: 'claimed_ids = \'{}\', claimed_events = \'{}\', token = $6, token_before = \'\', batch = greatest(batch, $5::bigint)',
    values: [String(position.batch), position.token]
  })
}
