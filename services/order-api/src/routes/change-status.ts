import { enqueue } from '@orders/outbox'
import { ProblemError } from '@orders/service-kit'
import { bodyProblems, commonProblems, notFoundProblem } from '@orders/service-kit/documentation'
import { Type } from 'typebox'
import type { App } from '../app.ts'
import { changeStatus } from '../orders/change-status.ts'
import { findOrder } from '../orders/find-order.ts'
import { answerOnce, REPLAYED_HEADER } from '../idempotency/with-idempotency.ts'
import { orderEvent } from '../orders/event.ts'
import { idempotencyHeadersSchema, idempotencyProblems, orderParamsSchema, replayedHeader } from '../orders/schema.ts'
import { TRANSITIONS, type Action, type Transition } from '../orders/transitions.ts'

const schema = (action: Action, { from, to }: Transition) => ({
  operationId: `${action}Order`,
  summary: `${action[0]?.toUpperCase()}${action.slice(1)} an order`,
  description: `From ${from.join(' or ')} to ${to}.`,
  tags: ['orders'],
  headers: idempotencyHeadersSchema,
  params: orderParamsSchema,
  response: {
    200: { description: 'The changed order.', headers: replayedHeader, content: { 'application/json': { schema: Type.Ref('Order') } } },
    ...commonProblems,
    ...bodyProblems,
    ...idempotencyProblems,
    ...notFoundProblem
  }
})

export async function changeStatusRoutes (app: App): Promise<void> {
  for (const [action, transition] of Object.entries(TRANSITIONS) as Array<[Action, Transition]>) {
    app.post<{ Params: { id: string } }>(`/orders/:id/${action}`, { schema: schema(action, transition) }, async (request, reply) => {
      const { id } = request.params
      const { eventType, from, to } = transition
      const { done, answer } = await answerOnce(app.pg.pool, request, async (client) => {
        const order = await changeStatus(client, id, from, to)
        if (order === undefined) {
          const found = await findOrder(client, id)
          if (found === undefined) throw new ProblemError(404, 'not-found', `there is no order ${id}`)
          throw new ProblemError(409, 'status-conflict', `to ${action} an order it has to be ${from.join(' or ')}, this one is ${found.status}`)
        }
        const [eventId] = await enqueue(client, orderEvent(eventType, order, request))
        request.log.info({ event: 'order_changed', orderId: id, eventId, status: to }, 'order changed')
        return { statusCode: 200, body: order }
      })
      if (done) app.eventCommitted(eventType)
      else reply.header(REPLAYED_HEADER, 'true')
      return reply.code(answer.statusCode).send(answer.body)
    })
  }
}
