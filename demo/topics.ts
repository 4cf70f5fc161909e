import { ORDER_EVENTS_DEAD_LETTER_TOPIC, ORDER_EVENTS_TOPIC, ORDER_GROUP } from '@orders/contracts'
import { createAdmin, type KafkaAdmin, type KafkaConnection } from '@orders/kafka'
import { until } from '@orders/testing/framework'
import type { CleanUp } from './clean-up.ts'

const PARTITIONS = 3
/** A dead letter is its record and some headers: the broker's default for a record, and 16 KiB. */
const DEAD_LETTER_CONFIG = { 'max.message.bytes': String(1_048_588 + 16_384) }

export interface Topics {
  topic: string
  deadLetterTopic: string
  group: string
  /** RELAY_NAME: relays of the same name would take a shard from each other. */
  relayName: string
}

/** Creates the topics of this run. On brokers that were there before, nothing of theirs is used, and ours is deleted afterwards. */
export async function createTopics (
  connection: KafkaConnection, { external }: { external: boolean }, run: string, cleanUp: CleanUp
): Promise<Topics> {
  return withAdmin(connection, async (admin) => {
    const suffix = external ? `-demo-${run}` : ''
    const topic = `${ORDER_EVENTS_TOPIC}${suffix}`
    const deadLetterTopic = `${ORDER_EVENTS_DEAD_LETTER_TOPIC}${suffix}`
    const group = `${ORDER_GROUP}${suffix}`
    const relayName = `outbox-relay-demo-${run}`
    if (external) {
      cleanUp.add(() => withAdmin(connection, async (admin) => {
        await admin.deleteTopics([topic, deadLetterTopic])
        await until(() => admin.deleteGroups([group, `${relayName}-0`]).then(() => true), { what: 'our groups to be without members' })
      }))
    }
    await admin.ensureTopics([{ topic, partitions: PARTITIONS }, { topic: deadLetterTopic, partitions: 1, config: DEAD_LETTER_CONFIG }])
    return { topic, deadLetterTopic, group, relayName }
  })
}

async function withAdmin<T> (connection: KafkaConnection, work: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  const admin = await createAdmin(connection)
  try {
    return await work(admin)
  } finally {
    await admin.close()
  }
}
