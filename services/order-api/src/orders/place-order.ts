import { enqueue } from '@orders/outbox'
import type { FastifyRequest } from 'fastify'
import type pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { withIdempotency, type IdempotentResult } from '../idempotency/with-idempotency.ts'
import { orderEvent } from './event.ts'
import { insertOrder } from './repository.ts'

/**
 * The outbox pattern: one transaction inserts the order and enqueues its event. Postgres stores both or neither, so no order
 * lacks its event and no event lacks its order. Kafka is not needed here. The relay publishes the event after the commit.
 *
 * `withIdempotency` opens the transaction and commits it. A repeated request with the same key gets the stored answer.
 *
 * @throws ProblemError 409 or 422, see {@link withIdempotency}. @throws Postgres's error: then repeat the request with the same key
 */
export async function placeOrder (pool: pg.Pool, customerId: string, request: FastifyRequest): Promise<IdempotentResult> {
  return withIdempotency(pool, request, async (transaction) => {
    const placed = { id: uuidv7(), customerId, version: 1 }
    // Sent together to save a round trip. Postgres runs them in this order, and the second only if the first succeeded.
    const [order, [eventId]] = await Promise.all([
      insertOrder(transaction, placed),
      enqueue(transaction, orderEvent('OrderCreated', placed, request))
    ])
    request.log.info({ event: 'order_created', orderId: order.id, eventId }, 'order created')
    return { statusCode: 201, body: order }
  })
}
