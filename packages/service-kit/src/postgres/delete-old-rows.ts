import type pg from 'pg'

/** A table whose rows are kept for a while. The names are part of the statement, so they must not come from outside. */
export interface AgedTable {
  table: string
  /** The primary key. */
  key: string
  /** When a row was written. An index on it is needed. */
  writtenAt: string
}

export interface DeletedRows {
  count: number
  /** The time of the newest deleted row: nothing older is left. */
  upTo: string | undefined
}

/**
 * Deletes the oldest rows past their retention, up to `limit`: small transactions do not block others.
 *
 * @param from the `upTo` of the previous call. Deleted rows stay in the index while an old snapshot needs them. A search from the
 * beginning would skip over all of them, and over more each time.
 */
export async function deleteOldRows (
  pool: pg.Pool, { table, key, writtenAt }: AgedTable, retentionHours: number, limit: number, from?: string
): Promise<DeletedRows> {
  const { rows: [row] } = await pool.query<{ count: number, up_to: string | null }>({
    text: `WITH deleted AS (
             DELETE FROM ${table} WHERE ${key} IN (
               SELECT ${key} FROM ${table}
               WHERE ${writtenAt} >= coalesce($3::timestamptz, '-infinity') AND ${writtenAt} < clock_timestamp() - make_interval(hours => $1)
               ORDER BY ${writtenAt} LIMIT $2)
             RETURNING ${writtenAt})
           SELECT count(*)::int AS count, max(${writtenAt})::text AS up_to FROM deleted`,
    values: [retentionHours, limit, from ?? null]
  })
  return { count: row?.count ?? 0, upTo: row?.up_to ?? from }
}
