import { ORDER_AGGREGATE_TYPE, type OrderEventType } from '@orders/contracts'
import type { NewEvent } from '@orders/outbox'
import { childTraceContext } from '@orders/service-kit'
import type { FastifyRequest } from 'fastify'
import type { Order } from '../schemas/order.ts'

/** The W3C trace context asks for at least this much to be passed on. */
const MAX_TRACESTATE_LENGTH = 512

/** The event of an order's newest version. It continues the trace of the request that changed the order. */
export function orderEvent (eventType: OrderEventType, order: Pick<Order, 'id' | 'customerId' | 'version'>, { headers }: FastifyRequest): NewEvent {
  const { traceparent } = childTraceContext(headers.traceparent)
  const { tracestate } = headers
  return {
    aggregateType: ORDER_AGGREGATE_TYPE,
    aggregateId: order.id,
    aggregateVersion: order.version,
    eventType,
    payload: { orderId: order.id, customerId: order.customerId },
    headers: typeof tracestate === 'string' && tracestate.length <= MAX_TRACESTATE_LENGTH ? { traceparent, tracestate } : { traceparent }
  }
}
