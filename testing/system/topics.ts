import { ORDER_EVENTS_DEAD_LETTER_TOPIC, ORDER_EVENTS_TOPIC, ORDER_GROUP } from '@orders/contracts'
import type { KafkaConnection } from '@orders/kafka'
import { until } from '../framework/until.ts'
import { withAdmin } from '../framework/topic.ts'

const PARTITIONS = 3
/** A dead letter is its record and some headers: the broker's default for a record, and 16 KiB. */
const DEAD_LETTER_CONFIG = { 'max.message.bytes': String(1_048_588 + 16_384) }

/** The names by which the services of one system find each other in Kafka. */
export interface SystemNames {
  topic: string
  deadLetterTopic: string
  /** The consumer's. */
  group: string
  /** RELAY_NAME: relays of the same name would take a shard from each other. */
  relayName: string
}

/** The names of the contracts; with a suffix, for a system on brokers that others use too. */
export function systemNames (suffix = ''): SystemNames {
  return {
    topic: `${ORDER_EVENTS_TOPIC}${suffix}`,
    deadLetterTopic: `${ORDER_EVENTS_DEAD_LETTER_TOPIC}${suffix}`,
    group: `${ORDER_GROUP}${suffix}`,
    relayName: `outbox-relay${suffix}`
  }
}

export async function createTopics (connection: KafkaConnection, { topic, deadLetterTopic }: SystemNames): Promise<void> {
  await withAdmin(connection, (admin) => admin.ensureTopics([
    { topic, partitions: PARTITIONS }, { topic: deadLetterTopic, partitions: 1, config: DEAD_LETTER_CONFIG }
  ]))
}

/** Deletes the topics and the groups of a system whose services have ended. */
export async function deleteTopics (connection: KafkaConnection, { topic, deadLetterTopic, group, relayName }: SystemNames): Promise<void> {
  await withAdmin(connection, async (admin) => {
    await admin.deleteTopics([topic, deadLetterTopic])
    // A killed member is one until its session times out.
    await until(() => admin.deleteGroups([group, `${relayName}-0`]).then(() => true), { what: 'the groups to be without members' })
  })
}
