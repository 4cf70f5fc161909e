import type pg from 'pg'
import type { Order } from './schema.ts'
import { ORDER_COLUMNS, toOrder, type OrderRow } from './order-row.ts'

export async function insertOrder (client: pg.ClientBase, { id, customerId }: { id: string, customerId: string }): Promise<Order> {
  const { rows } = await client.query<OrderRow>({
    name: 'insert_order',
    text: `INSERT INTO orders (id, customer_id) VALUES ($1, $2) RETURNING ${ORDER_COLUMNS}`,
    values: [id, customerId]
  })
  const [row] = rows
  if (row === undefined) throw new Error('expected the inserted order, found no row')
  return toOrder(row)
}
