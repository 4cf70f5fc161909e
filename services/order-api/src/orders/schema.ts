import { ORDER_STATUSES, orderEventSchemas } from '@orders/contracts'
import { CURSOR_PATTERN } from '@orders/service-kit'
import { problemResponse, retryAfterHeader } from '@orders/service-kit/documentation'
import { Type, type Static } from 'typebox'

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
  nextCursor: Type.Union([Type.String({ pattern: CURSOR_PATTERN }), Type.Null()], { description: 'For the next page; null on the last one.' })
})

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

export const idempotencyProblems = {
  409: problemResponse('A request with this Idempotency-Key is still in flight, or the order\'s status does not allow this.', retryAfterHeader),
  422: problemResponse('This Idempotency-Key was used for another request.')
}
