import pg from 'pg'

/** A row of the order-api's `orders`, whoever placed it. Each of its versions has an event. */
export interface StoredOrder {
  orderId: string
  version: number
  status: string
}

/** @param ordersUrl the order-api's database, as somebody who may read everything */
export async function readStoredOrders (ordersUrl: string): Promise<StoredOrder[]> {
  const client = new pg.Client({ connectionString: ordersUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ id: string, version: number, status: string }>('SELECT id, version, status FROM orders')
    return rows.map(({ id, version, status }) => ({ orderId: id, version, status }))
  } finally {
    await client.end()
  }
}
