import { ORDER_STATUSES, orderEventSchemas } from '@orders/contracts'
import { Type, type Static, type TSchema } from 'typebox'

export const customerIdSchema = orderEventSchemas.OrderCreated.properties.customerId

export const orderSchema = Type.Object({
  id: Type.String({ format: 'uuid' }),
  customerId: Type.String(),
  status: Type.Enum([...ORDER_STATUSES], { type: 'string' }),
  version: Type.Integer({ description: 'Rises by one with every change; the version of the event that tells of it.' }),
  createdAt: Type.String({ format: 'date-time' }),
  updatedAt: Type.String({ format: 'date-time' })
}, { $id: 'Order', title: 'Order' })

export type Order = Static<typeof orderSchema>

export const orderPageSchema = Type.Object({
  orders: Type.Array(Type.Ref('Order')),
  nextCursor: Type.Union([Type.String(), Type.Null()], { description: 'For the next page; null on the last one.' })
})

export const problemSchema = Type.Object({
  type: Type.String({ description: 'See docs/problems.md.' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  instance: Type.String(),
  requestId: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ in: Type.String(), pointer: Type.String(), detail: Type.String() })))
}, { $id: 'Problem', title: 'Problem', description: 'RFC 9457', additionalProperties: true })

export const orderParamsSchema = Type.Object({ id: Type.String({ format: 'uuid', description: 'The order.' }) })

export const idempotencyHeadersSchema = Type.Object({
  'idempotency-key': Type.Optional(Type.String({
    minLength: 1,
    maxLength: 255,
    pattern: '^[\\x21-\\x7e]+$',
    description: 'The same request with the same key is carried out once, and answered the same again.'
  }))
})

/** What an answer to a request with an Idempotency-Key can carry. */
export const replayedHeader = {
  'idempotency-replayed': Type.String({ enum: ['true'], description: 'The request had been carried out before; this is its answer once more.' })
}

export const locationHeader = { location: Type.String({ format: 'uri-reference', description: 'The order.' }) }

const retryAfterHeader = { 'retry-after': Type.Integer({ description: 'Seconds to wait before the same request may succeed.' }) }

const problem = (description: string, headers?: Record<string, TSchema>) => ({
  description, ...(headers === undefined ? {} : { headers }), content: { 'application/problem+json': { schema: Type.Ref('Problem') } }
})

/** Every route's answers for what can go wrong; each route adds its own. */
export const commonProblems = {
  400: problem('The request is malformed.'),
  500: problem('Something went wrong here.'),
  503: problem('Not now: overloaded, or the database is away. Try again after `Retry-After` seconds.', retryAfterHeader)
}

export const bodyProblems = {
  413: problem('The body is too large.'),
  415: problem('The body is not JSON.')
}

export const idempotencyProblems = {
  409: problem('A request with this Idempotency-Key is still in flight, or the order\'s status does not allow this.', retryAfterHeader),
  422: problem('This Idempotency-Key was used for another request.')
}

export const notFoundProblem = {
  404: problem('There is no such order.'),
  414: problem('The id is much longer than one.')
}
