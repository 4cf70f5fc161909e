import { CLEARED } from './complete.ts'
import { DeadLetterIdTakenError, DeadLetterNotFoundError } from './errors.ts'
import { changeHeld, type Fence } from './fence.ts'
import { withLongTimeout } from './long-timeout.ts'
import { onlyRow, type Row, type SqlClient } from './sql-client.ts'
import { WAKEUP_CHANNEL } from './wakeup-channel.ts'

export interface DeadLetter {
  id: bigint
  eventId: string
  aggregateType: string
  aggregateId: string
  aggregateVersion: string
  eventType: string
  reason: string
  /** Whether the aggregate's later events wait for this one. */
  blocking: boolean
  failedAt: Date
  replayedAt: Date | null
  /** How many later events of the aggregate are in the outbox. */
  waiting: number
}

/**
 * Moves one refused event out of the outbox, with the fence in the same statement. If the id belongs to another event by now, that event
 * stays. If the dead letter of another event has the id, because ids were given out again, the next lower free one is taken: otherwise one
 * event would stop its whole shard.
 *
 * @param blocking whether the later events of its aggregate wait for it
 * @throws FencedError when the shard was taken over since, or the database restored; then the event was not moved
 * @throws DeadLetterIdTakenError when there is no such id; then the event was not moved either
 */
export async function deadLetter (
  client: SqlClient, fence: Fence, event: { id: string, eventId: string }, reason: string, blocking: boolean
): Promise<void> {
  const { taken } = await changeHeld(withLongTimeout(client), fence, {
    name: 'outbox_dead_letter',
    set: CLEARED,
    also: `place AS MATERIALIZED (
             ${PLACE}
           ), refused AS (
             DELETE FROM outbox_events WHERE id = $5::bigint AND event_id = $6::uuid AND EXISTS (SELECT FROM held)
               AND EXISTS (SELECT FROM place)
             RETURNING *
           ), kept AS (
             INSERT INTO outbox_dead_letters (id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type,
                                              payload, headers, created_at, reason, blocking)
             SELECT place.id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers,
                    created_at, $7::text, $8::boolean
             FROM refused, place
             -- A replayed event that is refused again still has its dead letter.
             ON CONFLICT (id) DO UPDATE
               SET reason = excluded.reason, blocking = excluded.blocking, failed_at = excluded.failed_at, replayed_at = NULL
           )`,
    answer: 'NOT EXISTS (SELECT FROM place) AS taken',
    values: [event.id, event.eventId, reason, blocking]
  })
  if (taken === true) throw new DeadLetterIdTakenError(event.id)
}

/**
 * The id of the dead letter: the event's own, or else the next lower one that no event and no dead letter has. It is still above those of
 * the aggregate's earlier events, so that the order of the aggregate stays the same. No row: there is none.
 */
const PLACE = `
             SELECT $5::bigint AS id WHERE NOT EXISTS (SELECT FROM outbox_dead_letters WHERE id = $5::bigint AND event_id <> $6::uuid)
             UNION ALL (
               SELECT free FROM generate_series($5::bigint - 1, greatest($5::bigint - 1000, 0), -1) AS free
               WHERE EXISTS (SELECT FROM outbox_dead_letters WHERE id = $5::bigint AND event_id <> $6::uuid)
                 AND NOT EXISTS (SELECT FROM outbox_dead_letters AS d WHERE d.id = free)
                 AND NOT EXISTS (SELECT FROM outbox_events AS e WHERE e.id = free)
                 AND free > ALL (
                   SELECT earlier.id FROM outbox_events AS own
                   JOIN (SELECT id, aggregate_type, aggregate_id FROM outbox_events
                         UNION ALL SELECT id, aggregate_type, aggregate_id FROM outbox_dead_letters) AS earlier USING (aggregate_type, aggregate_id)
                   WHERE own.id = $5::bigint AND earlier.id < own.id)
               ORDER BY free DESC LIMIT 1
             )`

/** The dead letters in the order of ids, at most `limit`. */
export async function listDeadLetters (client: SqlClient, limit = 100): Promise<DeadLetter[]> {
  const { rows } = await client.query({
    text: `SELECT id::text, event_id::text, aggregate_type, aggregate_id, aggregate_version::text, event_type, reason,
                  blocking, failed_at, replayed_at,
                  (SELECT count(*)::int FROM outbox_events AS e
                   WHERE e.aggregate_type = d.aggregate_type AND e.aggregate_id = d.aggregate_id AND e.id > d.id) AS waiting
           FROM outbox_dead_letters AS d
           -- Not "id" alone: that is the text above.
           ORDER BY d.id LIMIT $1`,
    values: [limit]
  })
  return rows.map(toDeadLetter)
}

export async function countDeadLetters (client: SqlClient): Promise<number> {
  const { rows } = await client.query({ text: 'SELECT count(*)::int AS count FROM outbox_dead_letters' })
  return onlyRow(rows, 'a count').count as number
}

/** The ids of the dead letters that are not being replayed yet, in the order in which their events were written. */
export async function replayableDeadLetters (client: SqlClient): Promise<bigint[]> {
  const { rows } = await client.query({
    text: 'SELECT d.id::text AS id FROM outbox_dead_letters AS d WHERE d.replayed_at IS NULL ORDER BY d.id'
  })
  return rows.map(({ id }) => BigInt(id as string))
}

/**
 * Puts a dead letter back into the outbox under its old id, so that it is published before the later events of its aggregate. They stay
 * blocked until then.
 *
 * @throws DeadLetterNotFoundError when there is none, or it was replayed already
 */
export async function replayDeadLetter (client: SqlClient, id: bigint): Promise<void> {
  const { rows } = await client.query({
    text: `WITH replayed AS (
             UPDATE outbox_dead_letters SET replayed_at = clock_timestamp()
             WHERE id = $1 AND replayed_at IS NULL RETURNING *
           ), returned AS (
             INSERT INTO outbox_events (id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type,
                                        payload, headers, created_at)
             OVERRIDING SYSTEM VALUE
             SELECT id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers, created_at
             FROM replayed
           )
           SELECT pg_notify('${WAKEUP_CHANNEL}', 'sweep') FROM replayed`,
    values: [String(id)]
  })
  if (rows.length === 0) throw new DeadLetterNotFoundError(id)
}

/**
 * Discards a dead letter: the later events of its aggregate are published without it.
 *
 * @throws DeadLetterNotFoundError when there is none, or it is being replayed
 */
export async function discardDeadLetter (client: SqlClient, id: bigint): Promise<void> {
  const { rows } = await client.query({
    text: `WITH discarded AS (DELETE FROM outbox_dead_letters WHERE id = $1 AND replayed_at IS NULL RETURNING id)
           SELECT pg_notify('${WAKEUP_CHANNEL}', 'sweep') FROM discarded`,
    values: [String(id)]
  })
  if (rows.length === 0) throw new DeadLetterNotFoundError(id)
}

function toDeadLetter (row: Row): DeadLetter {
  return {
    id: BigInt(row.id as string),
    eventId: row.event_id as string,
    aggregateType: row.aggregate_type as string,
    aggregateId: row.aggregate_id as string,
    aggregateVersion: row.aggregate_version as string,
    eventType: row.event_type as string,
    reason: row.reason as string,
    blocking: row.blocking as boolean,
    failedAt: row.failed_at as Date,
    replayedAt: row.replayed_at as Date | null,
    waiting: row.waiting as number
  }
}
