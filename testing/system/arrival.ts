import { createAdmin } from '@orders/kafka'
import { until } from '../framework/index.ts'
import type { World } from './world.ts'

/**
 * Resolves when nothing is on its way any more: the outbox holds only what waits behind dead letters, and the consumer's
 * group has committed the end of the topic.
 *
 * @throws Error that says what is missing
 */
export async function untilArrived ({ admin, connection, topic, group }: World, deadlineMs: number): Promise<void> {
  await until(async () => {
    const { rows: [row] } = await admin.query<{ waiting: number }>(`
      SELECT count(*)::int AS waiting FROM outbox_events AS e WHERE NOT EXISTS (
        SELECT FROM outbox_dead_letters AS d
        WHERE d.blocking AND d.aggregate_type = e.aggregate_type AND d.aggregate_id = e.aggregate_id AND d.id < e.id)`)
    if (row?.waiting !== 0) throw new Error(`${row?.waiting} events in the outbox`)
    const kafka = await createAdmin(connection)
    try {
      const ends = await kafka.endOffsets(topic)
      const committed = await kafka.committedOffsets(group, topic)
      const lag = [...ends].reduce((sum, [partition, end]) => sum + Number(end - (committed.get(partition) ?? 0n)), 0)
      if (lag !== 0) throw new Error(`${lag} records not consumed yet`)
    } finally {
      await kafka.close()
    }
    return true
  }, { what: 'everything to arrive', deadlineMs })
}
