import { CURSOR_PATTERN, decodeCursor, encodeCursor, ProblemError } from '@orders/service-kit'
import { bodyProblems, commonProblems, notFoundProblem } from '@orders/service-kit/documentation'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type pg from 'pg'
import { Type } from 'typebox'
import { idempotencyHeadersSchema, idempotencyProblems, replayedHeader } from '../idempotency/schema.ts'
import { REPLAYED_HEADER, type IdempotentResult } from '../idempotency/with-idempotency.ts'
import { changeStatus } from '../orders/change-status.ts'
import { placeOrder } from '../orders/place-order.ts'
import { findOrder, listOrders } from '../orders/repository.ts'
import { customerIdSchema, locationHeader, orderPageSchema, orderParamsSchema } from '../schemas/order.ts'
import { TRANSITIONS, type Action, type Transition } from '../orders/transitions.ts'

const DEFAULT_LIMIT = 50
const tags = ['orders']
const anOrder = { 'application/json': { schema: Type.Ref('Order') } }

const createSchema = {
  operationId: 'createOrder',
  summary: 'Place an order',
  tags,
  headers: idempotencyHeadersSchema,
  body: Type.Object({ customerId: customerIdSchema }, { additionalProperties: false }),
  response: {
    201: { description: 'The order. Its event will be published.', headers: { ...locationHeader, ...replayedHeader }, content: anOrder },
    ...commonProblems,
    ...bodyProblems,
    ...idempotencyProblems
  }
}

const changeSchema = (action: Action, { from, to }: Transition) => ({
  operationId: `${action}Order`,
  summary: `${action[0]?.toUpperCase()}${action.slice(1)} an order`,
  description: `From ${from.join(' or ')} to ${to}.`,
  tags,
  headers: idempotencyHeadersSchema,
  params: orderParamsSchema,
  response: {
    200: { description: 'The changed order.', headers: replayedHeader, content: anOrder },
    ...commonProblems,
    ...bodyProblems,
    ...idempotencyProblems,
    ...notFoundProblem
  }
})

/** The routes that change orders. Each change has an event. */
export async function writingRoutes (app: FastifyInstance): Promise<void> {
  app.post<{ Body: { customerId: string } }>('/orders', { schema: createSchema }, async (request, reply) => {
    const result = await placeOrder(app.pg.pool, request.body.customerId, request)
    if (result.done) app.eventCommitted('OrderCreated')
    reply.header('location', `/orders/${result.answer.body.id}`)
    return sendResult(reply, result)
  })

  for (const [action, transition] of Object.entries(TRANSITIONS) as Array<[Action, Transition]>) {
    app.post<{ Params: { id: string } }>(`/orders/:id/${action}`, { schema: changeSchema(action, transition) }, async (request, reply) => {
      const result = await changeStatus(app.pg.pool, request.params.id, action, request)
      if (result.done) app.eventCommitted(transition.eventType)
      return sendResult(reply, result)
    })
  }
}

function sendResult (reply: FastifyReply, { done, answer }: IdempotentResult): FastifyReply {
  if (!done) reply.header(REPLAYED_HEADER, 'true')
  return reply.code(answer.statusCode).send(answer.body)
}

const getSchema = {
  operationId: 'getOrder',
  summary: 'Read an order',
  tags,
  params: orderParamsSchema,
  response: {
    200: { description: 'The order.', content: anOrder },
    ...commonProblems,
    ...notFoundProblem
  }
}

const listSchema = {
  operationId: 'listOrders',
  summary: 'List orders, newest first',
  tags,
  querystring: Type.Object({
    customerId: Type.Optional(customerIdSchema),
    limit: Type.Optional(Type.Integer({ default: DEFAULT_LIMIT, minimum: 1, maximum: 200, description: 'Maximum number of orders in a page.' })),
    cursor: Type.Optional(Type.String({ pattern: CURSOR_PATTERN, description: '`nextCursor` of the previous page.' }))
  }, { additionalProperties: false }),
  response: {
    200: { description: 'A page of orders.', content: { 'application/json': { schema: orderPageSchema } } },
    ...commonProblems
  }
}

interface ListQuery {
  customerId?: string
  limit?: number
  cursor?: string
}

/** The routes that read. They have their own pool, so that reads cannot block new orders. */
export async function readingRoutes (app: FastifyInstance, { pool }: { pool: pg.Pool }): Promise<void> {
  app.get<{ Params: { id: string } }>('/orders/:id', { schema: getSchema }, async (request) => {
    const order = await findOrder(pool, request.params.id)
    if (order === undefined) throw new ProblemError(404, 'not-found', `there is no order ${request.params.id}`)
    return order
  })

  app.get<{ Querystring: ListQuery }>('/orders', { schema: listSchema }, async (request) => {
    const { customerId, limit = DEFAULT_LIMIT, cursor } = request.query
    // One more than a page has: if it is there, there is a next page.
    const orders = await listOrders(pool, { customerId, before: decodeCursor(cursor), limit: limit + 1 })
    const page = orders.slice(0, limit)
    return { orders: page, nextCursor: orders.length > limit ? encodeCursor(page.at(-1)?.id ?? '') : null }
  })
}
