import { decodeCursor, encodeCursor, ProblemError } from '@orders/service-kit'
import { commonProblems, notFoundProblem, problemResponse } from '@orders/service-kit/documentation'
import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import { findView, listViews, readEffectCounts, readOrderCounts } from './repository.ts'
import { customerParamsSchema, orderParamsSchema, orderWithHistorySchema, pageQuerySchema, statsSchema, viewPageSchema } from './schema.ts'
import { ShortCache } from './short-cache.ts'

const tags = ['read model']

const answer = (description: string, schema: TSchema) => ({ 200: { description, content: { 'application/json': { schema } } } })

const findOrder = {
  operationId: 'findOrder',
  summary: 'Read an order and its history',
  tags,
  params: orderParamsSchema,
  response: {
    ...answer('The order, with every version that was applied.', orderWithHistorySchema),
    ...commonProblems,
    ...notFoundProblem,
    404: problemResponse('No event of such an order has been applied yet.')
  }
}

const listCustomerOrders = {
  operationId: 'listCustomerOrders',
  summary: 'List a customer\'s orders, newest first',
  tags,
  params: customerParamsSchema,
  querystring: pageQuerySchema,
  response: {
    ...answer('A page of orders.', viewPageSchema),
    ...commonProblems,
    414: problemResponse('The customer\'s id is much too long.')
  }
}

const getStats = {
  operationId: 'getStats',
  summary: 'Count orders and events',
  description: 'The event counts are written in the transactions that apply the events.',
  tags,
  response: { ...answer('The counts.', statsSchema), ...commonProblems }
}

interface PageRequest {
  Params: { id: string }
  Querystring: { limit: number, cursor?: string }
}

/** The read model. It lags behind order-api by the events that have not been applied yet. */
export async function readModelRoutes (app: FastifyInstance): Promise<void> {
  app.get<{ Params: { id: string } }>('/orders/:id', { schema: findOrder }, async (request) => {
    const { id } = request.params
    const view = await findView(app.pg.pool, id)
    if (view === undefined) throw new ProblemError(404, 'not-found', `no event of an order ${id} has been applied yet`)
    return view
  })

  app.get<PageRequest>('/customers/:id/orders', { schema: listCustomerOrders }, async (request) => {
    const { limit, cursor } = request.query
    const orders = await listViews(app.pg.pool, request.params.id, decodeCursor(cursor), limit + 1)
    const page = orders.slice(0, limit)
    return { orders: page, nextCursor: orders.length > limit ? encodeCursor(page.at(-1)?.orderId ?? '') : null }
  })

  // At most one query of each kind at a time. The event counts must be current: tests and monitoring watch them. The orders
  // are counted one by one, so their counts may be a second old.
  const effects = new ShortCache(() => readEffectCounts(app.pg.pool), { minMs: 0, perDuration: 1 })
  const orders = new ShortCache(() => readOrderCounts(app.pg.pool), { minMs: 1_000, perDuration: 10 })
  app.get('/stats', { schema: getStats }, async () => {
    const [orderCounts, effectCounts] = await Promise.all([orders.get(), effects.get()])
    return { ...orderCounts, ...effectCounts }
  })
}
