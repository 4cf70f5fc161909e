import type { KafkaConnection } from './connection.ts'

/** `forbidden`: this client may not know whether it exists. */
export type TopicState = 'found' | 'missing' | 'forbidden'

// https://kafka.apache.org/protocol#protocol_error_codes
const STATES = new Map<string, TopicState>([
  ['UNKNOWN_TOPIC_OR_PARTITION', 'missing'],
  ['INVALID_TOPIC_EXCEPTION', 'missing'],
  ['TOPIC_AUTHORIZATION_FAILED', 'forbidden']
])

/**
 * Whether a topic can be used; never creates it.
 *
 * @throws when Kafka cannot be reached
 */
export async function findTopic ({ kafka }: KafkaConnection, topic: string): Promise<TopicState> {
  const admin = kafka.admin()
  try {
    await admin.connect()
    await admin.fetchTopicMetadata({ topics: [topic] })
    return 'found'
  } catch (error) {
    const state = STATES.get((error as { type?: string }).type ?? '')
    if (state === undefined) throw error
    return state
  } finally {
    await admin.disconnect()
  }
}
