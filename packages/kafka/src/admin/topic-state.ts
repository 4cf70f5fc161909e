import { withDeadline } from '../deadline.ts'
import { kindOf, nameOf } from '../error-codes.ts'
import { clientOf, type KafkaConnection } from '../kafkajs/client.ts'
import type { Admin } from '../kafkajs/index.ts'
import type { PartitionWithOperations } from '../kafkajs/patches/authorized-metadata.ts'
import type { WithFailures } from '../kafkajs/patches/named-failures.ts'
import { causesOf, toPublishError } from '../publisher/publish-errors.ts'

/** What this client may do with one topic. */
export interface TopicAccess {
  topic: string
  /** Kafka's name of the reason why this client cannot write to it; undefined when it can. */
  writeProblem: string | undefined
  /** The same for reading, which committing an offset of the topic needs. */
  readProblem: string | undefined
}

/** Asks again and again, over one connection. It reads metadata only: it writes nothing and creates no topic. */
export interface TopicProbe {
  /**
   * @returns one entry for each topic, without those whose state is unknown now (no leader)
   * @throws PublishUncertainError when Kafka cannot be asked
   */
  look: (topics: readonly string[]) => Promise<TopicAccess[]>
  close: () => Promise<void>
}

/** https://kafka.apache.org/documentation/#security_authz_primitives: codes of AclOperation. */
const READ = 3
const WRITE = 4
/** The broker's value when it did not report the operations. */
const NOT_REPORTED = -2_147_483_648
const FORBIDDEN = 'TOPIC_AUTHORIZATION_FAILED'

/** Connects with the first look, and keeps the connection until a look fails. */
export function createTopicProbe (connection: KafkaConnection, { deadlineMs }: { deadlineMs: number }): TopicProbe {
  let admin: Admin | undefined
  const connected = async (): Promise<Admin> => {
    if (admin !== undefined) return admin
    // No retries: the caller looks again anyway, and an outage is reported sooner.
    const fresh = clientOf(connection).admin({ retry: { retries: 0 } })
    admin = fresh
    await fresh.connect()
    return fresh
  }
  const disconnect = async () => {
    const former = admin
    admin = undefined
    await former?.disconnect().catch(() => {})
  }
  const look = async (topics: readonly string[]) => (await describeTopics(await connected(), topics)).flatMap(toAccess)
  return {
    async look (topics) {
      try {
        return await withDeadline('the request for the topics\' metadata', deadlineMs, look(topics))
      } catch (error) {
        void disconnect()
        throw toPublishError(error)
      }
    },
    close: disconnect
  }
}

function toAccess ({ topic, code, partitions }: TopicAnswer): TopicAccess[] {
  if (code !== 0) return kindOf(code) === 'topic' ? [{ topic, writeProblem: nameOf(code), readProblem: nameOf(code) }] : []
  if (partitions.some(({ partitionErrorCode }) => partitionErrorCode !== 0)) return []
  const operations = partitions[0]?.authorizedOperations ?? NOT_REPORTED
  const problem = (operation: number) => operations === NOT_REPORTED || (operations & (1 << operation)) !== 0 ? undefined : FORBIDDEN
  return [{ topic, writeProblem: problem(WRITE), readProblem: problem(READ) }]
}

interface Partition extends PartitionWithOperations {
  partitionErrorCode: number
}

interface TopicAnswer {
  topic: string
  /** Kafka's error code for the topic; 0 when it exists. */
  code: number
  partitions: readonly Partition[]
}

/**
 * The broker's answer for each topic. kafkajs throws the answer away and an error instead when one topic of many has an error; the
 * answer is taken from that error then.
 *
 * @throws when there is no answer
 */
async function describeTopics (admin: Admin, topics: readonly string[]): Promise<TopicAnswer[]> {
  try {
    const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] })
    return found.map(({ name, partitions }) => ({ topic: name, code: 0, partitions: partitions as unknown as Partition[] }))
  } catch (error) {
    const refused = causesOf(error).find((cause) => (cause as Partial<WithFailures>).failures?.some(({ request }) => request === 'Metadata'))
    if (refused === undefined) throw error
    const { answer } = refused as unknown as { answer: { topicMetadata: ReadonlyArray<{ topic: string, topicErrorCode: number, partitionMetadata: Partition[] }> } }
    return answer.topicMetadata.map(({ topic, topicErrorCode, partitionMetadata }) => ({ topic, code: topicErrorCode, partitions: partitionMetadata }))
  }
}
