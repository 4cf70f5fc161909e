import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'

export const ORDER_AGGREGATE_TYPE = 'order'
/** Key of every record: the order's id. */
export const ORDER_EVENTS_TOPIC = 'order-events'
export const ORDER_EVENTS_DEAD_LETTER_TOPIC = 'order-events.dlq'
export const ORDER_GROUP = 'order-group'

export const ORDER_STATUSES = ['PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED'] as const
export type OrderStatus = typeof ORDER_STATUSES[number]

const orderId = Type.String({ format: 'uuid', description: 'The order.' })
/** Not NUL and not a lone surrogate half: Postgres stores neither. */
const customerId = Type.String({ minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9][A-Za-z0-9._:@-]*$', description: 'Who ordered.' })

// Consumers must take fields that they do not know: events only ever gain fields.
const event = <Name extends string>(name: Name, description: string) =>
  Type.Object({ orderId, customerId }, { $id: name, title: name, description, additionalProperties: true })

/** The data of each event, by its type. */
export const orderEventSchemas = {
  OrderCreated: event('OrderCreated', 'A customer placed an order; it is PENDING.'),
  OrderConfirmed: event('OrderConfirmed', 'The order was accepted.'),
  OrderShipped: event('OrderShipped', 'The order is on its way.'),
  OrderDelivered: event('OrderDelivered', 'The order has arrived.'),
  OrderCancelled: event('OrderCancelled', 'The order will not be carried out.')
}

export type OrderEventType = keyof typeof orderEventSchemas
export type OrderEventData = Static<typeof orderEventSchemas.OrderCreated>

export interface OrderEvent {
  type: OrderEventType
  data: OrderEventData
}

/** The status that an order has after an event. */
export const STATUS_AFTER: Readonly<Record<OrderEventType, OrderStatus>> = {
  OrderCreated: 'PENDING',
  OrderConfirmed: 'CONFIRMED',
  OrderShipped: 'SHIPPED',
  OrderDelivered: 'DELIVERED',
  OrderCancelled: 'CANCELLED'
}

/** Data that is not what its event type promises. Reading it again will not change that. */
export class InvalidOrderEventError extends Error {
  readonly code = 'ORDER_EVENT_INVALID'
  readonly reason: 'unknown-type' | 'malformed-json' | 'schema'

  constructor (reason: 'unknown-type' | 'malformed-json' | 'schema', message: string) {
    super(message)
    this.name = 'InvalidOrderEventError'
    this.reason = reason
  }
}

const validators = new Map(Object.entries(orderEventSchemas).map(([type, schema]) => [type, Compile(schema)]))

/** @throws InvalidOrderEventError */
export function parseOrderEvent (type: string, json: Buffer | string): OrderEvent {
  const validator = validators.get(type)
  if (validator === undefined) {
    throw new InvalidOrderEventError('unknown-type', `expected one of ${[...validators.keys()].join(', ')}, found ${JSON.stringify(type)}`)
  }
  let data: unknown
  try {
    data = JSON.parse(json.toString())
  } catch (error) {
    throw new InvalidOrderEventError('malformed-json', `${type}: ${(error as Error).message}`)
  }
  if (!validator.Check(data)) {
    const problems = validator.Errors(data).slice(0, 3).map(({ instancePath, message }) => `${instancePath || '/'} ${message}`)
    throw new InvalidOrderEventError('schema', `${type}: ${problems.join('; ')}`)
  }
  return { type: type as OrderEventType, data: data as OrderEventData }
}
