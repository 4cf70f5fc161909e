import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'

export const ORDER_AGGREGATE_TYPE = 'order'
/** The key of every record is the order's id. */
export const ORDER_EVENTS_TOPIC = 'order-events'
export const ORDER_EVENTS_DEAD_LETTER_TOPIC = 'order-events.dlq'
export const ORDER_GROUP = 'order-group'

export const ORDER_STATUSES = ['PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED'] as const
export type OrderStatus = typeof ORDER_STATUSES[number]

const orderId = Type.String({ format: 'uuid', description: 'The order.' })
/** Excludes NUL and lone surrogates: Postgres cannot store them. */
const customerId = Type.String({ minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9][A-Za-z0-9._:@-]*$', description: 'The customer who placed the order.' })

// Consumers must accept unknown fields: later versions of an event may add fields.
const event = <Name extends string>(name: Name, description: string) =>
  Type.Object({ orderId, customerId }, { $id: name, title: name, description, additionalProperties: true })

/** The schema of each event's data, by event type. */
export const orderEventSchemas = {
  OrderCreated: event('OrderCreated', 'A customer placed an order; it is PENDING.'),
  OrderConfirmed: event('OrderConfirmed', 'The order was accepted.'),
  OrderShipped: event('OrderShipped', 'The order is on its way.'),
  OrderDelivered: event('OrderDelivered', 'The order has arrived.'),
  OrderCancelled: event('OrderCancelled', 'The order will not be delivered.')
}

export type OrderEventType = keyof typeof orderEventSchemas
export type OrderEventData = Static<typeof orderEventSchemas.OrderCreated>

export interface OrderEvent {
  type: OrderEventType
  data: OrderEventData
}

/** The status of an order after each event. */
export const STATUS_AFTER: Readonly<Record<OrderEventType, OrderStatus>> = {
  OrderCreated: 'PENDING',
  OrderConfirmed: 'CONFIRMED',
  OrderShipped: 'SHIPPED',
  OrderDelivered: 'DELIVERED',
  OrderCancelled: 'CANCELLED'
}

/** The data does not match the schema of its event type. Reading it again will fail again. */
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
