import { randomUUID } from 'node:crypto'
import { withTransaction } from '@orders/service-kit'
import type pg from 'pg'
import { writeEvents } from './apply-events.ts'
import type { ReceivedEvent } from './received-event.ts'
import { refusesEvent } from './is-data-error.ts'

/** Rolls the transaction back. */
class ControlDone extends Error {}

/**
 * Tries whether the tables take an event of the same kind that nothing is wrong with: an order of its own, made and changed
 * to the status of the refused event, all of it rolled back.
 *
 * @returns what Postgres says against it, if it refuses that too: then the tables are at fault, not the event
 * @throws what says nothing about either, such as an outage
 */
export async function refusesControl (pool: pg.Pool, partition: number, refused: ReceivedEvent): Promise<Error | undefined> {
  const orderId = randomUUID()
  const control = (version: number): ReceivedEvent => ({
    eventId: randomUUID(), orderId, version, customerId: 'control', status: refused.status, occurredAt: new Date(), traceparent: undefined
  })
  try {
    await withTransaction(pool, async (client) => {
      // An insert, and an update of the same row.
      await writeEvents(client, partition, [control(1)], 0)
      await writeEvents(client, partition, [control(2)], 0)
      // Those that wait for the commit, which never comes, have their say here.
      await client.query('SET CONSTRAINTS ALL IMMEDIATE')
      throw new ControlDone()
    })
  } catch (error) {
    if (error instanceof ControlDone) return undefined
    if (refusesEvent(error)) return error
    throw error
  }
  return undefined
}
