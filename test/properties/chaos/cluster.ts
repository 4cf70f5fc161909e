import type { Kafka } from '@orders/local-stack'
import type { Brokers } from './servers.ts'
import type { World } from './world.ts'

/** As the settings of the local stack have them. */
const COORDINATOR_PARTITIONS = 4

export function nameOf ({ cluster }: Pick<Brokers, 'cluster'>, broker: Kafka): string {
  return cluster.nodes.length === 1 ? 'kafka' : `broker ${cluster.nodes.indexOf(broker) + 1}`
}

/**
 * The broker that coordinates the group of a position, or a transactional id.
 *
 * @throws Error when no broker does just now, or none answers
 */
export async function coordinatorOf ({ brokers, connection }: World, kind: 'group' | 'transaction', name: string): Promise<Kafka> {
  const topic = kind === 'group' ? '__consumer_offsets' : '__transaction_state'
  const admin = connection.kafka.admin()
  await admin.connect()
  try {
    const { topics: [found] } = await admin.fetchTopicMetadata({ topics: [topic] })
    const partition = partitionOf(name)
    const leader = found?.partitions.find(({ partitionId }) => partitionId === partition)?.leader ?? -1
    return brokers.cluster.node(leader)
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Java's String.hashCode, which Kafka takes for it. */
function partitionOf (name: string): number {
  let hash = 0
  for (const letter of name) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0
  return Math.abs(hash) % COORDINATOR_PARTITIONS
}
