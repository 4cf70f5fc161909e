import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { parseRecord, type LeaderElectionRecord, type RecordFields } from '../record.ts'
import type { LeaseObserver } from '../store.ts'
import { LEASE_CHANNEL, leaseOf } from './lease-channel.ts'
import { SELECT_LEASE } from './lease-row.ts'
import { openClient, type Connection } from './open-client.ts'

const HEARTBEAT_MS = 5_000
const MIN_PAUSE_MS = 100
const MAX_PAUSE_MS = 10_000

/** Reports changes of holder until `signal` is aborted. Reconnects forever. */
export async function listenForLease (
  connection: Connection, name: string, observer: LeaseObserver, signal: AbortSignal
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await listenOnce(connection, name, observer, signal, () => { failures = 0 })
    } catch (error) {
      if (!signal.aborted) observer.onError(error as Error)
    }
    const ceilingMs = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** failures)
    await delay(ceilingMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
  }
}

async function listenOnce (
  connection: Connection, name: string, observer: LeaseObserver, signal: AbortSignal, onListening: () => void
): Promise<void> {
  // Not the timeouts of the caller's queries, which may be absent: a dead connection would never be noticed.
  const { client, connect, broken, hangUp } = openClient({ ...connection, query_timeout: HEARTBEAT_MS, connectionTimeoutMillis: HEARTBEAT_MS })
  const inTurn = oneAfterTheOther()
  /** Any number of notifications during a read cause one more read after it. */
  let noticed = false
  client.on('notification', ({ payload }) => {
    if (noticed || leaseOf(payload) !== name) return
    noticed = true
    void inTurn(async () => {
      noticed = false
      if (!over.aborted) observer.onHint(await readRecord(client, name))
    })
  })
  const over = AbortSignal.any([signal, broken])
  over.addEventListener('abort', hangUp)
  try {
    await connect()
    await client.query(`LISTEN ${LEASE_CHANNEL}`)
    onListening()
    // Read the changes before the LISTEN: a leader that has lost its lease would otherwise learn it at its next renewal only.
    await inTurn(async () => { observer.onHint(await readRecord(client, name)) })
    while (!over.aborted) {
      await delay(HEARTBEAT_MS, undefined, { signal: over }).catch(() => {})
      // A connection whose packets vanish delivers nothing and reports no error.
      if (!over.aborted) await inTurn(() => client.query('SELECT'))
    }
    if (!signal.aborted) throw broken.reason
  } finally {
    over.removeEventListener('abort', hangUp)
    hangUp()
  }
}

/** A connection answers one query at a time. */
function oneAfterTheOther (): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }
}

/** @returns undefined without a record, or without the right to read it: then the elector reads it itself */
async function readRecord (client: pg.Client, name: string): Promise<LeaderElectionRecord | undefined> {
  try {
    const { rows: [row] } = await client.query<{ record: string }>(SELECT_LEASE, [name])
    return row === undefined ? undefined : parseRecord(JSON.parse(row.record) as RecordFields).record
  } catch {
    return undefined
  }
}
