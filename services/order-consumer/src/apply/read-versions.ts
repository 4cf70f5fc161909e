import type pg from 'pg'

/** The versions that the read model is at, by order; locked until the transaction ends. */
export async function readVersions (client: pg.ClientBase, orderIds: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await client.query<{ order_id: string, version: string }>({
    name: 'read_versions',
    text: 'SELECT order_id, version FROM order_views WHERE order_id = ANY ($1::uuid[]) ORDER BY order_id FOR UPDATE',
    values: [orderIds]
  })
  return new Map(rows.map((row) => [row.order_id, Number(row.version)]))
}
