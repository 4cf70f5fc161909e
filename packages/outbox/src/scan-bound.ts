import { onlyRow, type SqlClient } from './sql-client.ts'

/**
 * The id below which the outbox need not be read: no event with a lower or equal id exists, and none can still appear.
 *
 * Why it is needed: published rows are deleted, and while any old transaction is open vacuum cannot remove them, so a
 * scan from 0 would step over every one of them at each poll.
 *
 * Why it is not simply "the last id read": ids are handed out before the commit. If the bound passed the id of a
 * transaction that is still open, the next poll could read that aggregate's second event and not see its first.
 * So it moves in two steps. Note the lowest id that exists, and who is writing to the outbox at that moment (every
 * writer holds the table's ROW EXCLUSIVE lock from before it takes an id until its transaction has ended). When all of
 * these have ended, look once more: what has not appeared by then never will.
 *
 * An event that comes back under an old id (a replayed dead letter, a manual repair) is found by {@link ScanBound.reset},
 * which the relay calls on such a wake-up and now and then.
 */
export class ScanBound {
  #value = 0n
  #candidate: { id: bigint, writers: Set<string> } | undefined

  get value (): bigint {
    return this.#value
  }

  reset (): void {
    this.#value = 0n
    this.#candidate = undefined
  }

  /**
   * Takes the next step, if one can be taken now. Never waits for anybody.
   *
   * @param lastRead the highest id that this relay has read, for when the outbox is empty
   */
  async advance (client: SqlClient, lastRead: bigint): Promise<void> {
    const candidate = this.#candidate
    if (candidate === undefined) {
      const id = await lowestId(client, this.#value) ?? lastRead + 1n
      if (id - 1n <= this.#value) return
      this.#candidate = { id: id - 1n, writers: await openWriters(client) }
      return
    }
    const open = await openWriters(client)
    for (const writer of candidate.writers) if (open.has(writer)) return
    const id = await lowestId(client, this.#value)
    this.#value = id === undefined || id > candidate.id ? candidate.id : id - 1n
    this.#candidate = undefined
  }
}

/** Blocked events and other shards' count too: the bound must not pass anything that exists. */
async function lowestId (client: SqlClient, after: bigint): Promise<bigint | undefined> {
  const { rows } = await client.query({
    name: 'outbox_lowest_id',
    text: 'SELECT min(id)::text AS id FROM outbox_events WHERE id > $1',
    values: [String(after)]
  })
  const id = onlyRow(rows, 'the lowest id').id as string | null
  return id === null ? undefined : BigInt(id)
}

async function openWriters (client: SqlClient): Promise<Set<string>> {
  const { rows } = await client.query({
    name: 'outbox_open_writers',
    text: `SELECT virtualtransaction AS writer FROM pg_locks
           WHERE locktype = 'relation' AND relation = 'outbox_events'::regclass AND mode = 'RowExclusiveLock' AND granted
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND pid IS DISTINCT FROM pg_backend_pid()`
  })
  return new Set(rows.map((row) => row.writer as string))
}
