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
  version: Type.Integer({ description: 'The version of the newest event that was applied.' }),
  createdAt: Type.String({ format: 'date-time', description: 'Time of the first event that was applied.' }),
  updatedAt: Type.String({ format: 'date-time', description: 'Time of the newest one.' })
}, { $id: 'OrderView', title: 'OrderView' })

export const orderWithHistorySchema = Type.Object({
  ...orderViewSchema.properties,
  history: Type.Array(Type.Object({
    version: Type.Integer(), status: status(), eventId: Type.String({ format: 'uuid' }), occurredAt: time()
  }), { description: 'Every version that was applied, in order.' })
})

export const viewPageSchema = Type.Object({
  orders: Type.Array(Type.Ref('OrderView')),
  nextCursor: Type.Union([Type.String({ pattern: CURSOR_PATTERN }), Type.Null()], { description: 'For the next page; null on the last one.' })
})

export const statsSchema = Type.Object({
  orders: count('Orders that events told of.'),
  byStatus: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), { description: 'Orders by their status.' }),
  applied: count('Events that took effect.'),
  duplicates: count('Events that were known, or came too late.'),
  gaps: count('Versions that were missing before an event.'),
  deadLetters: count('Records that could not be applied.')
})

export const orderParamsSchema = Type.Object({ id: Type.String({ format: 'uuid', description: 'The order.' }) })

export const customerParamsSchema = Type.Object({ id: orderEventSchemas.OrderCreated.properties.customerId })

export const pageQuerySchema = Type.Object({
  limit: Type.Optional(Type.Integer({ default: 50, minimum: 1, maximum: 200, description: 'Orders in a page, at most.' })),
  cursor: Type.Optional(Type.String({ pattern: CURSOR_PATTERN, description: '`nextCursor` of the page before.' }))
}, { additionalProperties: false })
