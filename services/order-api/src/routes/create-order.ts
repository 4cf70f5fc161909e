import { enqueue } from '@orders/outbox'
import { bodyProblems, commonProblems } from '@orders/service-kit/documentation'
import { Type } from 'typebox'
import { v7 as uuidv7 } from 'uuid'
import type { App } from '../app.ts'
import { insertOrder } from '../orders/insert-order.ts'
import { answerOnce, REPLAYED_HEADER } from '../idempotency/with-idempotency.ts'
import { orderEvent } from '../orders/event.ts'
import {
  customerIdSchema, idempotencyHeadersSchema, idempotencyProblems, locationHeader, replayedHeader
} from '../orders/schema.ts'

const schema = {
  operationId: 'createOrder',
  summary: 'Place an order',
  tags: ['orders'],
  headers: idempotencyHeadersSchema,
  body: Type.Object({ customerId: customerIdSchema }, { additionalProperties: false }),
  response: {
    201: {
      description: 'The order; its event is on the way.',
      headers: { ...locationHeader, ...replayedHeader },
      content: { 'application/json': { schema: Type.Ref('Order') } }
    },
    ...commonProblems,
    ...bodyProblems,
    ...idempotencyProblems
  }
}

export async function createOrderRoute (app: App): Promise<void> {
  app.post<{ Body: { customerId: string } }>('/orders', { schema }, async (request, reply) => {
    const { done, answer } = await answerOnce(app.pg.pool, request, async (client) => {
      const placed = { id: uuidv7(), customerId: request.body.customerId }
      // Sent together: Postgres carries them out in this order, and the second only if the first succeeded.
      const [order, [eventId]] = await Promise.all([
        insertOrder(client, placed),
        enqueue(client, orderEvent('OrderCreated', { ...placed, version: 1 }, request))
      ])
      request.log.info({ event: 'order_created', orderId: order.id, eventId }, 'order created')
      return { statusCode: 201, body: order }
    })
    if (done) app.eventCommitted('OrderCreated')
    else reply.header(REPLAYED_HEADER, 'true')
    return reply.code(answer.statusCode).header('location', `/orders/${answer.body.id}`).send(answer.body)
  })
}
