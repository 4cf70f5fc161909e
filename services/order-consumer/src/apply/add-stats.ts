import type pg from 'pg'

export interface Counts {
  applied: number
  duplicates: number
  gaps: number
  deadLetters: number
}

/** Where a row is in its table: the newest version of it, as Postgres's `ctid`. */
export type RowPlace = string

/**
 * Adds to the counts of a partition.
 *
 * The row is asked for by its place, if that is known: by its key Postgres looks at every version of it that no VACUUM may
 * remove yet, one for each batch since the oldest snapshot began. One forgotten transaction anywhere in the database, and
 * each batch would cost more than the one before.
 *
 * @returns its new place, which counts from the commit on
 */
export async function addStats (client: pg.ClientBase, partition: number, counts: Counts, known?: RowPlace): Promise<RowPlace> {
  const values = [partition, counts.applied, counts.duplicates, counts.gaps, counts.deadLetters]
  if (known !== undefined) {
    const { rows: [row] } = await client.query<{ place: RowPlace }>({
      name: 'add_stats_at',
      text: `UPDATE consumer_stats
             SET applied = applied + $2, duplicates = duplicates + $3, gaps = gaps + $4, dead_letters = dead_letters + $5
             WHERE ctid = $6::tid AND partition = $1 RETURNING ctid::text AS place`,
      values: [...values, known]
    })
    if (row !== undefined) return row.place
    // Another consumer has counted for this partition since, or VACUUM FULL has moved the row.
  }
  const { rows: [row] } = await client.query<{ place: RowPlace }>({
    name: 'add_stats',
    text: `INSERT INTO consumer_stats AS s (partition, applied, duplicates, gaps, dead_letters) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (partition) DO UPDATE
             SET applied = s.applied + excluded.applied, duplicates = s.duplicates + excluded.duplicates,
                 gaps = s.gaps + excluded.gaps, dead_letters = s.dead_letters + excluded.dead_letters
           RETURNING ctid::text AS place`,
    values
  })
  return row?.place ?? ''
}
