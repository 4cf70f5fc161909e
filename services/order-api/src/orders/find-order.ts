import type pg from 'pg'
import type { Order } from './schema.ts'
import { ORDER_COLUMNS, toOrder, type OrderRow } from './order-row.ts'

export async function findOrder (client: pg.Pool | pg.ClientBase, id: string): Promise<Order | undefined> {
  const { rows: [row] } = await client.query<OrderRow>({
    name: 'find_order',
    text: `SELECT ${ORDER_COLUMNS} FROM orders WHERE id = $1`,
    values: [id]
  })
  return row === undefined ? undefined : toOrder(row)
}
