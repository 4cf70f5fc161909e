import { createAdmin, type KafkaAdmin } from '@orders/kafka'
import type { Kafka } from '../servers/index.ts'
import { until } from '../framework/index.ts'
import type { Brokers } from './servers.ts'
import type { System } from './system.ts'

/** As in the settings of testing/servers/kafka.ts. */
const COORDINATOR_PARTITIONS = 4
const DEADLINE_MS = 60_000

export function nameOf ({ cluster }: Pick<Brokers, 'cluster'>, broker: Kafka): string {
  return cluster.nodes.length === 1 ? 'kafka' : `broker ${cluster.nodes.indexOf(broker) + 1}`
}

/** The broker that coordinates the group of a position, or a transactional id. @throws Error when there is none for a minute */
export async function coordinatorOf (system: System, kind: 'group' | 'transaction', name: string): Promise<Kafka> {
  const topic = kind === 'group' ? '__consumer_offsets' : '__transaction_state'
  return retryWithAdmin(system, `the coordinator of ${name}`, async (admin) => {
    const wanted = partitionOf(name)
    const found = (await admin.describePartitions([topic])).find(({ partition }) => partition === wanted)
    return system.brokers.cluster.node(found?.leader ?? -1)
  })
}

/** Repeats the work until it succeeds: the brokers may still be recovering from a fault. */
export async function retryWithAdmin<T> ({ connection }: System, what: string, work: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  return until(async () => {
    const admin = await createAdmin(connection)
    try {
      return await work(admin)
    } finally {
      await admin.close().catch(() => {})
    }
  }, { what, deadlineMs: DEADLINE_MS }) as Promise<T>
}

/** Java's String.hashCode, which Kafka uses to find the partition. */
function partitionOf (name: string): number {
  let hash = 0
  for (const letter of name) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0
  return Math.abs(hash) % COORDINATOR_PARTITIONS
}
