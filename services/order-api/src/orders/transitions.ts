import type { OrderEventType, OrderStatus } from '@orders/contracts'

export interface Transition {
  /** Statuses in which it is allowed. */
  from: readonly OrderStatus[]
  to: OrderStatus
  eventType: OrderEventType
}

/** The life of an order: what may follow what, and the event that tells of it. */
export const TRANSITIONS = {
  confirm: { from: ['PENDING'], to: 'CONFIRMED', eventType: 'OrderConfirmed' },
  ship: { from: ['CONFIRMED'], to: 'SHIPPED', eventType: 'OrderShipped' },
  deliver: { from: ['SHIPPED'], to: 'DELIVERED', eventType: 'OrderDelivered' },
  cancel: { from: ['PENDING', 'CONFIRMED'], to: 'CANCELLED', eventType: 'OrderCancelled' }
} as const satisfies Record<string, Transition>

export type Action = keyof typeof TRANSITIONS
