import type pg from 'pg'

/**
 * Notes the events as received. @returns the ids that were not there before: only these may take effect. A consumer that
 * reads the same events at the same time waits here for our transaction, and then finds them taken.
 */
export async function insertInbox (client: pg.ClientBase, eventIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ event_id: string }>({
    name: 'insert_inbox',
    // Sorted: two consumers with overlapping batches would else wait for each other in a circle.
    text: `INSERT INTO inbox (event_id) SELECT event_id FROM unnest($1::uuid[]) AS e (event_id) ORDER BY event_id
           ON CONFLICT DO NOTHING RETURNING event_id`,
    values: [eventIds]
  })
  return new Set(rows.map((row) => row.event_id))
}

export interface DeletedInbox {
  count: number
  /** Of the newest one that was deleted: there is nothing older any more. */
  upTo: string | undefined
}

/**
 * Deletes the oldest rows past their retention.
 *
 * @param from the `upTo` of the time before: what was deleted until then stays in the index until no old snapshot needs it,
 * and a search from the beginning would pass over all of it, each time over more
 */
export async function deleteOldInbox (pool: pg.Pool, retentionHours: number, limit: number, from?: string): Promise<DeletedInbox> {
  const { rows: [row] } = await pool.query<{ count: number, up_to: string | null }>({
    text: `WITH deleted AS (
             DELETE FROM inbox WHERE event_id IN (
               SELECT event_id FROM inbox
               WHERE received_at >= coalesce($3::timestamptz, '-infinity') AND received_at < clock_timestamp() - make_interval(hours => $1)
               ORDER BY received_at LIMIT $2)
             RETURNING received_at)
           SELECT count(*)::int AS count, max(received_at)::text AS up_to FROM deleted`,
    values: [retentionHours, limit, from ?? null]
  })
  return { count: row?.count ?? 0, upTo: row?.up_to ?? from }
}
