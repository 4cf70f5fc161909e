import { deletePublished } from './delete-published.ts'
import { NO_EVENTS, type EventNames } from './event-names.ts'
import { changeHeld, type Fence } from './fence.ts'
import { idArray, type SqlClient } from './sql-client.ts'

/** The token of a batch, and its number. */
export interface BatchName {
  /** A random UUID. It alone decides whether the batch is in Kafka. */
  token: string
  /** The number of the batch before, plus one. */
  batch: bigint
}

/**
 * Records the events and the token of the next batch. A takeover compares this token with the one that Kafka has committed, and so
 * knows of every claimed event whether it is in the topic.
 *
 * The same statement completes the batch before (see {@link complete}): it overwrites the claim of that batch, and with it the record
 * of its events.
 *
 * The claim must be durable before Kafka commits the batch (`synchronous_commit` on). If Postgres lost the claim of a batch that Kafka
 * has committed, the batch would be published twice.
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
 * Drops the claim of a batch that is not in Kafka, or not known to be, and records the token that Kafka has. The next takeover finds
 * equal tokens, so one restore is found once and not at every takeover.
 *
 * @param position what Kafka has; the batch numbers go on from the higher one
 * @throws FencedError when the shard was taken over since, or the database restored
 */
export async function dropClaim (client: SqlClient, fence: Fence, position: BatchName): Promise<void> {
  await changeHeld(client, fence, {
    name: 'outbox_drop_claim',
    set: 'claimed_ids = \'{}\', claimed_events = \'{}\', token = $6, token_before = \'\', batch = greatest(batch, $5::bigint)',
    values: [String(position.batch), position.token]
  })
}
