import { decodeCursor, encodeCursor, ProblemError } from '@orders/service-kit'
import { orderEventSchemas } from '@orders/contracts'
import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import { findView } from '../data/find-view.ts'
import { listViews } from '../data/list-views.ts'
import { readEffectCounts, readOrderCounts } from '../data/read-stats.ts'
import { ShortCache } from '../short-cache.ts'

const orderParams = Type.Object({ id: Type.String({ format: 'uuid' }) })
const customerParams = Type.Object({ id: orderEventSchemas.OrderCreated.properties.customerId })
const pageQuery = Type.Object({
  limit: Type.Integer({ default: 50, minimum: 1, maximum: 200 }),
  cursor: Type.Optional(Type.String({ maxLength: 100 }))
}, { additionalProperties: false })

/** What the events told. It lags behind the order-api by what is on its way. */
export async function readModelRoutes (app: FastifyInstance): Promise<void> {
  app.get<{ Params: { id: string } }>('/orders/:id', { schema: { params: orderParams } }, async (request) => {
    const { id } = request.params
    const view = await findView(app.pg.pool, id)
    if (view === undefined) throw new ProblemError(404, 'not-found', `no event has told of an order ${id} yet`)
    return view
  })

  app.get<{ Params: { id: string }, Querystring: { limit: number, cursor?: string } }>(
    '/customers/:id/orders', { schema: { params: customerParams, querystring: pageQuery } }, async (request) => {
      const { limit, cursor } = request.query
      const orders = await listViews(app.pg.pool, request.params.id, decodeCursor(cursor), limit + 1)
      const page = orders.slice(0, limit)
      return { orders: page, nextCursor: orders.length > limit ? encodeCursor(page.at(-1)?.orderId ?? '') : null }
    })

  // Of each at most one at a time, whoever asks. What was applied is watched from outside, and has to be new; the orders are
  // counted one by one, and may be a second old.
  const effects = new ShortCache(() => readEffectCounts(app.pg.pool), { minMs: 0, perDuration: 1 })
  const orders = new ShortCache(() => readOrderCounts(app.pg.pool), { minMs: 1_000, perDuration: 10 })
  app.get('/stats', async () => {
    const [orderCounts, effectCounts] = await Promise.all([orders.get(), effects.get()])
    return { ...orderCounts, ...effectCounts }
  })
}
