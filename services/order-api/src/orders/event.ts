import { ORDER_AGGREGATE_TYPE, type OrderEventType } from '@orders/contracts'
import type { NewEvent } from '@orders/outbox'
import { childTraceContext } from '@orders/service-kit'
import type { FastifyRequest } from 'fastify'
import type { Order } from './schema.ts'

/** The event that tells of an order's newest change, in the trace of the request that made it. */
export function orderEvent (eventType: OrderEventType, order: Pick<Order, 'id' | 'customerId' | 'version'>, request: FastifyRequest): NewEvent {
  const { traceparent } = childTraceContext(request.headers.traceparent)
  const { tracestate } = request.headers
  return {
    aggregateType: ORDER_AGGREGATE_TYPE,
    aggregateId: order.id,
    aggregateVersion: order.version,
    eventType,
    payload: { orderId: order.id, customerId: order.customerId },
    headers: typeof tracestate === 'string' && tracestate.length <= 512 ? { traceparent, tracestate } : { traceparent }
  }
}
