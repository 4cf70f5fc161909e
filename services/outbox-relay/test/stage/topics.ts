import { createAdmin } from '@orders/kafka'
import { until, type ServiceProcess } from '@orders/testing/framework'
import type { Stage } from './stage.ts'

/** Posts of a type with a topic of its own. */
export function invoices (count: number, from = 0): Array<{ aggregate: string, type: string }> {
  return Array.from({ length: count }, (_, index) => ({ aggregate: `invoice-${from + index}`, type: 'invoice' }))
}

export async function untilLogged (service: ServiceProcess, event: string, topic: string): Promise<Record<string, unknown>> {
  return until(() => service.logs.find((line) => line.event === event && line.topic === topic), { what: `${event} of ${topic}` })
}

export async function createTopic (stage: Stage, topic: string): Promise<void> {
  const admin = await createAdmin(stage.connection)
  await admin.ensureTopics([{ topic, partitions: 1 }]).finally(() => admin.close())
}

export async function deleteTopic (stage: Stage, topic: string): Promise<void> {
  const admin = await createAdmin(stage.connection)
  await admin.deleteTopics([topic]).finally(() => admin.close())
}

/** How many there are. */
export async function deadLetters (stage: Stage): Promise<number> {
  const { rowCount } = await stage.pool.query('SELECT FROM outbox_dead_letters')
  return rowCount ?? 0
}

/** The ids of a topic's records, by aggregate and version. */
export async function inTopic (stage: Stage, topic: string, atLeast: number): Promise<string[]> {
  return (await stage.records({ topic, atLeast })).map(({ key, headers }) => `${key} ${String(headers.ce_aggregateversion)}`)
}
