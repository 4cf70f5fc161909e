import { ORDER_STATUSES, orderEventSchemas } from '@orders/contracts'
import { CURSOR_PATTERN } from '@orders/service-kit'
import { Type } from 'typebox'

const status = () => Type.Enum([...ORDER_STATUSES], { type: 'string' })
const time = () => Type.String({ format: 'date-time' })
const count = (description: string) => Type.Integer({ minimum: 0, description })

export const orderViewSchema = Type.Object({
  orderId: Type.String({ format: 'uuid' }),
  customerId: Type.String(),
  status: status(),
  version: Type.Integer({ description: 'Version of the newest applied event.' }),
  createdAt: Type.String({ format: 'date-time', description: 'Time of the first applied event.' }),
  updatedAt: Type.String({ format: 'date-time', description: 'Time of the newest applied event.' })
}, { $id: 'OrderView', title: 'OrderView' })

export const orderWithHistorySchema = Type.Object({
  ...orderViewSchema.properties,
  history: Type.Array(Type.Object({
    version: Type.Integer(), status: status(), eventId: Type.String({ format: 'uuid' }), occurredAt: time()
  }), { description: 'The applied versions, oldest first. Of more than 1,000 only the newest.' })
})

export const viewPageSchema = Type.Object({
  orders: Type.Array(Type.Ref('OrderView')),
  nextCursor: Type.Union([Type.String({ pattern: CURSOR_PATTERN }), Type.Null()], { description: 'For the next page; null on the last page.' })
})

export const statsSchema = Type.Object({
  orders: count('Orders in the read model.'),
  byStatus: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), { description: 'Orders by their status.' }),
  applied: count('Events that took effect.'),
  duplicates: count('Events that were applied before, or were older than the applied version.'),
  gaps: count('Missing versions.'),
  deadLetters: count('Records that became dead letters.')
})

export const orderParamsSchema = Type.Object({ id: Type.String({ format: 'uuid', description: 'The order.' }) })

export const customerParamsSchema = Type.Object({ id: orderEventSchemas.OrderCreated.properties.customerId })

export const pageQuerySchema = Type.Object({
  limit: Type.Optional(Type.Integer({ default: 50, minimum: 1, maximum: 200, description: 'Maximum number of orders in a page.' })),
  cursor: Type.Optional(Type.String({ pattern: CURSOR_PATTERN, description: '`nextCursor` of the previous page.' }))
}, { additionalProperties: false })
