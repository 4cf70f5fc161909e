import type { OrderStatus } from '@orders/contracts'
import type { Order } from './schema.ts'

export interface OrderRow {
  id: string
  customer_id: string
  status: OrderStatus
  /** A text once the column is wider than an integer, which the driver reads exactly. */
  version: number | string
  created_at: Date
  updated_at: Date
}

export const ORDER_COLUMNS = 'id, customer_id, status, version, created_at, updated_at'

export function toOrder (row: OrderRow): Order {
  return {
    id: row.id,
    customerId: row.customer_id,
    status: row.status,
    version: Number(row.version),
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString()
  }
}
