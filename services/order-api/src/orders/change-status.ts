import type { OrderStatus } from '@orders/contracts'
import type pg from 'pg'
import type { Order } from './schema.ts'
import { ORDER_COLUMNS, toOrder, type OrderRow } from './order-row.ts'

/**
 * Changes the status if it is one of `from`; undefined if there is no such order in such a status.
 *
 * This statement locks the order until the transaction ends, and has to come before the event is enqueued: who holds the
 * lock has the next version, and nobody can take a lower outbox id for a higher version.
 */
export async function changeStatus (
  client: pg.ClientBase, id: string, from: readonly OrderStatus[], to: OrderStatus
): Promise<Order | undefined> {
  const { rows: [row] } = await client.query<OrderRow>({
    name: 'change_status',
    text: `UPDATE orders SET status = $3, version = version + 1, updated_at = clock_timestamp()
           WHERE id = $1 AND status = ANY ($2) RETURNING ${ORDER_COLUMNS}`,
    values: [id, from, to]
  })
  return row === undefined ? undefined : toOrder(row)
}
