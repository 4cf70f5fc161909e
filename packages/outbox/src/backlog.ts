import { onlyRow, type SqlClient } from './sql-client.ts'

/** Counting stops here: the exact length of a very long backlog is not worth reading it all. */
const COUNT_LIMIT = 100_001

export interface Backlog {
  /** Events in the outbox, blocked ones included. Counted up to 100,000; above, 100,001. */
  events: number
  /** Age of the oldest event by the database's clock; 0 when there is none. */
  oldestAgeMs: number
  deadLetters: number
}

/** What waits in the outbox. Every relay reports it, leader or not: else the alarm is silent when nobody leads. */
export async function backlog (client: SqlClient): Promise<Backlog> {
  const { rows } = await client.query({
    name: 'outbox_backlog',
    text: `SELECT (SELECT count(*)::int FROM (SELECT FROM outbox_events LIMIT ${COUNT_LIMIT}) AS waiting) AS events,
                  -- By id: the oldest event is at the head of the primary key, and no index on the time is needed.
                  coalesce((SELECT extract(epoch FROM clock_timestamp() - created_at) * 1000
                            FROM outbox_events ORDER BY id LIMIT 1), 0)::float8 AS oldest_age_ms,
                  (SELECT count(*)::int FROM outbox_dead_letters) AS dead_letters`
  })
  const row = onlyRow(rows, 'the backlog')
  return {
    events: row.events as number,
    oldestAgeMs: Math.max(0, row.oldest_age_ms as number),
    deadLetters: row.dead_letters as number
  }
}
