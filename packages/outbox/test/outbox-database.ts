import { randomBytes } from 'node:crypto'
import { dropDatabase, testPostgres, withClient } from '@orders/testing/framework'
import { readDdlOfRecord, type EventNames, type NewEvent, type ReadOptions } from '@orders/outbox'
import pg from 'pg'
import type { Test } from 'tap'

/** A database of this test's own with the outbox's tables; dropped afterwards. @param own a server of the test's own */
export async function outboxDatabase (t: Test, own?: { url: string }): Promise<{ pool: pg.Pool, url: string }> {
  const server = own ?? await testPostgres(t)
  const name = `outbox_${randomBytes(6).toString('hex')}`
  await withClient(server.url, (client) => client.query(`CREATE DATABASE ${name}`))
  const url = new URL(server.url)
  url.pathname = `/${name}`
  const pool = new pg.Pool({ connectionString: url.href, max: 5 })
  pool.on('error', () => {})
  t.teardown(async () => {
    await pool.end()
    await dropDatabase(server.url, name)
  })
  for (const { sql } of await readDdlOfRecord()) await pool.query(sql)
  return { pool, url: url.href }
}

/** The names of stored events, in this order. */
export async function namesOf (pool: pg.Pool, ...ids: number[]): Promise<EventNames> {
  const { rows } = await pool.query<{ id: string, event_id: string }>(
    'SELECT e.id::text, event_id FROM outbox_events AS e JOIN unnest($1::bigint[]) WITH ORDINALITY AS o (id, place) USING (id) ORDER BY place', [ids])
  return { ids: rows.map(({ id }) => id), eventIds: rows.map((row) => row.event_id) }
}

/** The names of one stored event. */
export async function eventOf (pool: pg.Pool, id: number): Promise<{ id: string, eventId: string }> {
  const { ids: [stored = ''], eventIds: [eventId = ''] } = await namesOf(pool, id)
  return { id: stored, eventId }
}

export function event (aggregateId: string, aggregateVersion: number, fields: Partial<NewEvent> = {}): NewEvent {
  return { aggregateType: 'order', aggregateId, aggregateVersion, eventType: 'OrderCreated', payload: { aggregateId }, ...fields }
}

export function readAll (fields: Partial<ReadOptions> = {}): ReadOptions {
  return { shard: 0, shards: 1, after: 0n, inFlight: [], maxEvents: 1_000, maxBytes: 1_048_576, ...fields }
}
