import { randomUUID } from 'node:crypto'
import { withTransaction } from '@orders/service-kit'
import type pg from 'pg'
import { writeEffects } from './apply-events.ts'
import type { ReceivedEvent } from './received-event.ts'
import { isDataError } from './refusals.ts'

/** Thrown to roll the transaction back. */
class ControlDone extends Error {}

/**
 * Tries whether the tables accept a valid event of the same kind: creates an order of its own, changes it to the status of the
 * refused event, and rolls everything back.
 *
 * @returns Postgres's error if it refuses the control event too: then the tables are at fault, not the refused event
 * @throws errors that say nothing about either, such as an outage
 */
export async function tryControlEvent (pool: pg.Pool, partition: number, refused: ReceivedEvent): Promise<Error | undefined> {
  const orderId = randomUUID()
  const control = (version: number): ReceivedEvent => ({
    eventId: randomUUID(), orderId, version, customerId: 'control', status: refused.status, occurredAt: new Date(), traceparent: undefined
  })
  try {
    await withTransaction(pool, async (transaction) => {
      // An insert, and an update of the same row.
      await writeEffects(transaction, partition, [control(1)], 0)
      await writeEffects(transaction, partition, [control(2)], 0)
      // Deferred constraints are checked at the commit, which never comes: check them now.
      await transaction.query('SET CONSTRAINTS ALL IMMEDIATE')
      throw new ControlDone()
    })
  } catch (error) {
    if (error instanceof ControlDone) return undefined
    if (isDataError(error)) return error
    throw error
  }
  return undefined
}
