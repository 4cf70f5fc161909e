import type pg from 'pg'
import { Type } from 'typebox'
import type { App } from '../app.ts'
import { listOrders } from '../orders/list-orders.ts'
import { CURSOR_PATTERN, decodeCursor, encodeCursor } from '@orders/service-kit'
import { commonProblems } from '@orders/service-kit/documentation'
import { customerIdSchema, orderPageSchema } from '../orders/schema.ts'

const DEFAULT_LIMIT = 50

const schema = {
  operationId: 'listOrders',
  summary: 'List orders, newest first',
  tags: ['orders'],
  querystring: Type.Object({
    customerId: Type.Optional(customerIdSchema),
    limit: Type.Optional(Type.Integer({ default: DEFAULT_LIMIT, minimum: 1, maximum: 200, description: 'Orders in a page, at most.' })),
    cursor: Type.Optional(Type.String({ pattern: CURSOR_PATTERN, description: '`nextCursor` of the page before.' }))
  }, { additionalProperties: false }),
  response: {
    200: { description: 'A page of orders.', content: { 'application/json': { schema: orderPageSchema } } },
    ...commonProblems
  }
}

interface Query {
  customerId?: string
  limit?: number
  cursor?: string
}

export async function listOrdersRoute (app: App, { pool }: { pool: pg.Pool }): Promise<void> {
  app.get<{ Querystring: Query }>('/orders', { schema }, async (request) => {
    const { customerId, limit = DEFAULT_LIMIT, cursor } = request.query
    // One more than asked for: it tells whether there is a next page.
    const orders = await listOrders(pool, { customerId, before: decodeCursor(cursor), limit: limit + 1 })
    const page = orders.slice(0, limit)
    return { orders: page, nextCursor: orders.length > limit ? encodeCursor(page.at(-1)?.id ?? '') : null }
  })
}
