import { createAdmin, type KafkaConnection } from '@orders/kafka'
import pg from 'pg'

/**
 * The relay of many introductions to the pattern: for each row connect a producer, send, disconnect, delete the row. Measured for
 * comparison.
 *
 * @returns events per second
 */
export async function publishOneByOne (connection: KafkaConnection, url: string, topic: string, events: number): Promise<number> {
  const admin = await createAdmin(connection)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const startedAt = performance.now()
    for (let count = 0; count < events; count++) {
      const { rows: [row] } = await client.query<{ id: string, aggregate_id: string, payload: string }>(
        'SELECT id, aggregate_id, payload::text AS payload FROM outbox_events ORDER BY id LIMIT 1')
      if (row === undefined) throw new Error(`expected ${events} events in the outbox, found ${count}`)
      const producer = await admin.openRawProducer()
      await producer.send(topic, [{ key: row.aggregate_id, value: row.payload, headers: {} }])
      await producer.close()
      await client.query('DELETE FROM outbox_events WHERE id = $1', [row.id])
    }
    return events / (performance.now() - startedAt) * 1_000
  } finally {
    await client.end()
    await admin.close()
  }
}
