import type { Admin } from 'kafkajs'
import type { PartitionWithOperations } from '../kafkajs/patches/authorized-metadata.ts'
import type { KafkaConnection } from '../connection.ts'
import { withDeadline } from '../deadline.ts'
import { nameOf, verdictOf } from '../error-codes.ts'
import type { WithFailures } from '../kafkajs/patches/named-failures.ts'
import { causesOf, toPublishError } from './publish-errors.ts'

/** What Kafka says of one topic. */
export interface TopicAccess {
  topic: string
  /** Kafka's name of the reason why this client cannot write to it; undefined when it can. */
  writeProblem: string | undefined
  /** The same for reading, which committing an offset of the topic needs. */
  readProblem: string | undefined
}

/** Asks Kafka about topics, by metadata alone: nothing is written anywhere. */
export interface TopicProbe {
  /**
   * @returns of each topic, what is known of it; a topic whose state is not known now (no leader) is not among them
   * @throws PublishUncertainError when Kafka cannot be asked
   */
  look: (topics: readonly string[]) => Promise<TopicAccess[]>
  close: () => Promise<void>
}

/** https://kafka.apache.org/documentation/#security_authz_primitives: codes of AclOperation. */
const READ = 3
const WRITE = 4
/** In place of the operations, where the broker was not asked for them. */
const NOT_TOLD = -2_147_483_648
const FORBIDDEN = 'TOPIC_AUTHORIZATION_FAILED'

interface Partition extends PartitionWithOperations {
  partitionErrorCode: number
}

/** Connects with the first look, and keeps the connection until a look fails. */
export function createTopicProbe ({ kafka }: KafkaConnection, { deadlineMs }: { deadlineMs: number }): TopicProbe {
  let admin: Admin | undefined
  const connected = async (): Promise<Admin> => {
    if (admin !== undefined) return admin
    // One try: the caller looks again by itself, and a quick failure says sooner that Kafka is away.
    const fresh = kafka.admin({ retry: { retries: 0 } })
    admin = fresh
    await fresh.connect()
    return fresh
  }
  const hangUp = async () => {
    const former = admin
    admin = undefined
    await former?.disconnect().catch(() => {})
  }
  return {
    async look (topics) {
      try {
        return await withDeadline('looking at the topics', deadlineMs, connected().then((client) => look(client, topics)))
      } catch (error) {
        void hangUp()
        throw toPublishError(error)
      }
    },
    close: hangUp
  }
}

async function look (admin: Admin, topics: readonly string[]): Promise<TopicAccess[]> {
  try {
    const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] })
    return found.map(({ name, partitions }) => accessTo(name, partitions as unknown as Partition[]))
  } catch (error) {
    // One topic with an error is enough for kafkajs to throw; the answer tells of all of them.
    const refused = causesOf(error).find((cause) => (cause as Partial<WithFailures>).failures?.some(({ request }) => request === 'Metadata'))
    if (refused === undefined) throw error
    const { answer } = refused as unknown as { answer: { topicMetadata: ReadonlyArray<{ topic: string, topicErrorCode: number, partitionMetadata: Partition[] }> } }
    return answer.topicMetadata.flatMap(({ topic, topicErrorCode, partitionMetadata }) => {
      if (topicErrorCode === 0) return partitionMetadata.every(({ partitionErrorCode }) => partitionErrorCode === 0) ? [accessTo(topic, partitionMetadata)] : []
      if (verdictOf(topicErrorCode) !== 'topic') return []
      return [{ topic, writeProblem: nameOf(topicErrorCode), readProblem: nameOf(topicErrorCode) }]
    })
  }
}

function accessTo (topic: string, [partition]: readonly Partition[]): TopicAccess {
  const operations = partition?.authorizedOperations ?? NOT_TOLD
  const problem = (operation: number) => operations === NOT_TOLD || (operations & (1 << operation)) !== 0 ? undefined : FORBIDDEN
  return { topic, writeProblem: problem(WRITE), readProblem: problem(READ) }
}
