import { randomUUID } from 'node:crypto'
import { claim, READ_SESSION_OPTIONS, takeOverShard, type EventNames } from '@orders/outbox'
import pg from 'pg'

export interface ClaimCostOptions {
  /** How many claims are made before the measured ones. */
  before: number
  /** How many are measured. */
  measured: number
  /** Events in each claim. They need not exist. */
  events?: number
  /** Whether an old transaction is open, which keeps every dead version of the row. */
  oldSnapshot: boolean
}

/**
 * The cost of a claim after many others, in milliseconds each, without the wait for the disk.
 *
 * @param url of a database with the outbox's tables, as a role that may take shards over
 */
export async function claimCost (url: string, { before, measured, events = 20, oldSnapshot }: ClaimCostOptions): Promise<number> {
  const client = new pg.Client({ connectionString: url, options: `${READ_SESSION_OPTIONS} -c synchronous_commit=off` })
  const old = new pg.Client({ connectionString: url })
  await Promise.all([client.connect(), old.connect()])
  try {
    if (oldSnapshot) {
      await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      await old.query('SELECT FROM outbox_events')
    }
    const { fence, batch } = await takeOverShard(client, 0, 'bench')
    const names: EventNames = {
      ids: Array.from({ length: events }, (_, index) => String(index + 1)), eventIds: Array.from({ length: events }, () => randomUUID())
    }
    let number = batch
    const claims = async (count: number) => {
      for (let made = 0; made < count; made++) await claim(client, fence, { token: randomUUID(), batch: ++number }, names)
    }
    await claims(before)
    const startedAt = performance.now()
    await claims(measured)
    return (performance.now() - startedAt) / measured
  } finally {
    await Promise.all([client.end(), old.end()])
  }
}
