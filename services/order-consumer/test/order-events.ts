import { randomUUID } from 'node:crypto'
import { encodeCloudEvent } from '@orders/contracts/cloud-events'
import type { OrderEventType } from '@orders/contracts'
import type { EventRecord } from '@orders/kafka'

/** The events of an order, by version. */
const LIFE: readonly OrderEventType[] = ['OrderCreated', 'OrderConfirmed', 'OrderShipped', 'OrderDelivered']

export type UnaddressedRecord = Omit<EventRecord, 'topic'> & { headers: Record<string, string> }

export interface OrderEventFields {
  orderId?: string
  eventId?: string
  version?: number
  type?: string
  customerId?: string
}

/** A record in the relay's format. */
export function orderEvent ({
  orderId = randomUUID(), eventId = randomUUID(), version = 1, type = LIFE[(version - 1) % LIFE.length] ?? '', customerId = 'customer-1'
}: OrderEventFields = {}): UnaddressedRecord {
  return encodeCloudEvent({
    id: eventId,
    type,
    time: new Date().toISOString(),
    aggregateType: 'order',
    aggregateId: orderId,
    aggregateVersion: String(version),
    data: JSON.stringify({ orderId, customerId })
  }, { source: '/orders' })
}

export const eventIdOf = (record: { headers: Record<string, unknown> }): string => String(record.headers.ce_id)

/** The first `versions` events of each of `orders` orders: all first versions, then all second versions, and so on. */
export function lives (orders: number, versions: number): UnaddressedRecord[] {
  const orderIds = Array.from({ length: orders }, () => randomUUID())
  return Array.from({ length: versions }, (_, index) => orderIds.map((orderId) => orderEvent({ orderId, version: index + 1 }))).flat()
}
