import { ProblemError } from '@orders/service-kit'
import { commonProblems, notFoundProblem } from '@orders/service-kit/documentation'
import type pg from 'pg'
import { Type } from 'typebox'
import type { App } from '../app.ts'
import { findOrder } from '../orders/find-order.ts'
import { orderParamsSchema } from '../orders/schema.ts'

const schema = {
  operationId: 'getOrder',
  summary: 'Read an order',
  tags: ['orders'],
  params: orderParamsSchema,
  response: {
    200: { description: 'The order.', content: { 'application/json': { schema: Type.Ref('Order') } } },
    ...commonProblems,
    ...notFoundProblem
  }
}

export async function getOrderRoute (app: App, { pool }: { pool: pg.Pool }): Promise<void> {
  app.get<{ Params: { id: string } }>('/orders/:id', { schema }, async (request) => {
    const order = await findOrder(pool, request.params.id)
    if (order === undefined) throw new ProblemError(404, 'not-found', `there is no order ${request.params.id}`)
    return order
  })
}
