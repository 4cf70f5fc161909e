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

/** @returns how many were deleted */
export async function deleteOldInbox (pool: pg.Pool, retentionHours: number, limit: number): Promise<number> {
  const { rowCount } = await pool.query({
    text: `DELETE FROM inbox WHERE event_id IN (
             SELECT event_id FROM inbox WHERE received_at < clock_timestamp() - make_interval(hours => $1)
             ORDER BY received_at LIMIT $2)`,
    values: [retentionHours, limit]
  })
  return rowCount ?? 0
}
