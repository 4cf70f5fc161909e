import { enqueue } from '@orders/outbox'
import { ProblemError } from '@orders/service-kit'
import type { FastifyRequest } from 'fastify'
import type pg from 'pg'
import { withIdempotency, type IdempotentResult } from '../idempotency/with-idempotency.ts'
import { orderEvent } from './event.ts'
import { findOrder, updateStatus } from './repository.ts'
import { TRANSITIONS, type Action } from './transitions.ts'

/**
 * Changes an order's status and enqueues the event, in one transaction.
 *
 * @throws ProblemError 404 if there is no such order, 409 if its status does not allow the action; and see {@link withIdempotency}
 */
export async function changeStatus (pool: pg.Pool, id: string, action: Action, request: FastifyRequest): Promise<IdempotentResult> {
  const { eventType, from, to } = TRANSITIONS[action]
  return withIdempotency(pool, request, async (transaction) => {
    // First the update, then the event: see updateStatus.
    const order = await updateStatus(transaction, id, from, to)
    if (order === undefined) {
      const found = await findOrder(transaction, id)
      if (found === undefined) throw new ProblemError(404, 'not-found', `there is no order ${id}`)
      throw new ProblemError(409, 'status-conflict', `to ${action} an order it has to be ${from.join(' or ')}, this one is ${found.status}`)
    }
    const [eventId] = await enqueue(transaction, orderEvent(eventType, order, request))
    request.log.info({ event: 'order_changed', orderId: id, eventId, status: to }, 'order changed')
    return { statusCode: 200, body: order }
  })
}
