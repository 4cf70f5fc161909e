export { parseRfc3339 } from './rfc-3339.ts'
export {
  InvalidOrderEventError, ORDER_AGGREGATE_TYPE, ORDER_EVENTS_DEAD_LETTER_TOPIC, ORDER_EVENTS_TOPIC, ORDER_GROUP, ORDER_STATUSES,
  orderEventSchemas, parseOrderEvent, STATUS_AFTER, type OrderEvent, type OrderEventData, type OrderEventType, type OrderStatus
} from './order-events.ts'
