import type pg from 'pg'

export interface Counts {
  applied: number
  duplicates: number
  gaps: number
  deadLetters: number
}

export async function addStats (client: pg.ClientBase, partition: number, counts: Counts): Promise<void> {
  await client.query({
    name: 'add_stats',
    text: `INSERT INTO consumer_stats AS s (partition, applied, duplicates, gaps, dead_letters) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (partition) DO UPDATE
             SET applied = s.applied + excluded.applied, duplicates = s.duplicates + excluded.duplicates,
                 gaps = s.gaps + excluded.gaps, dead_letters = s.dead_letters + excluded.dead_letters`,
    values: [partition, counts.applied, counts.duplicates, counts.gaps, counts.deadLetters]
  })
}
