import type { OrderEventType, OrderStatus } from '@orders/contracts'

export interface Transition {
  /** The statuses that allow it. */
  from: readonly OrderStatus[]
  to: OrderStatus
  eventType: OrderEventType
}

/** The life cycle of an order: each action, the statuses that allow it, and its event. */
export const TRANSITIONS = {
  confirm: { from: ['PENDING'], to: 'CONFIRMED', eventType: 'OrderConfirmed' },
  ship: { from: ['CONFIRMED'], to: 'SHIPPED', eventType: 'OrderShipped' },
  deliver: { from: ['SHIPPED'], to: 'DELIVERED', eventType: 'OrderDelivered' },
  cancel: { from: ['PENDING', 'CONFIRMED'], to: 'CANCELLED', eventType: 'OrderCancelled' }
} as const satisfies Record<string, Transition>

export type Action = keyof typeof TRANSITIONS
