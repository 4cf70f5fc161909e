import { ORDER_STATUSES, orderEventSchemas } from '@orders/contracts'
import { CURSOR_PATTERN } from '@orders/service-kit'
import { Type, type Static } from 'typebox'

export const customerIdSchema = orderEventSchemas.OrderCreated.properties.customerId

export const orderSchema = Type.Object({
  id: Type.String({ format: 'uuid' }),
  customerId: Type.String(),
  status: Type.Enum([...ORDER_STATUSES], { type: 'string' }),
  version: Type.Integer({ description: 'Rises by one with every change. The event of the change has the same version.' }),
  createdAt: Type.String({ format: 'date-time' }),
  updatedAt: Type.String({ format: 'date-time' })
}, { $id: 'Order', title: 'Order' })

export type Order = Static<typeof orderSchema>

export const orderPageSchema = Type.Object({
  orders: Type.Array(Type.Ref('Order')),
  nextCursor: Type.Union([Type.String({ pattern: CURSOR_PATTERN }), Type.Null()], { description: 'For the next page; null on the last page.' })
})

export const orderParamsSchema = Type.Object({ id: Type.String({ format: 'uuid', description: 'The order.' }) })

export const locationHeader = { location: Type.String({ format: 'uri-reference', description: 'The order.' }) }
