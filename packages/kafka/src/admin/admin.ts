import { setTimeout as delay } from 'node:timers/promises'
import { clientOf, type KafkaConnection } from '../kafkajs/client.ts'
import kafkajs, { type Admin, type ITopicConfig } from '../kafkajs/index.ts'
import { toAclEntries, type Permission } from './permissions.ts'
import { openRawProducer, type RawProducer, type RawProducerOptions } from './raw-producer.ts'
import { followTopic, mapTopic, type ReadOptions, type StoredRecord, type TopicFollower } from './read-topic.ts'

const LEADERS_DEADLINE_MS = 20_000
const LEADERS_POLL_MS = 50

export interface TopicToCreate {
  topic: string
  partitions: number
  replicationFactor?: number
  config?: Record<string, string>
}

/** One partition, as the metadata of the brokers describes it. */
export interface PartitionState {
  topic: string
  partition: number
  /** Node id of the leader; -1 when there is none. */
  leader: number
  /** Node ids, the preferred leader first. */
  replicas: number[]
}

/** Setup, inspection and cleanup: everything but publishing and consuming. Every method throws when Kafka cannot be reached. */
export interface KafkaAdmin {
  /** Creates the topics that do not exist yet, and waits until their leaders answer. */
  ensureTopics: (topics: readonly TopicToCreate[]) => Promise<void>
  listTopics: () => Promise<string[]>
  deleteTopics: (topics: string[]) => Promise<void>
  /** Sets these configuration entries of a topic. All its other entries go back to the broker's defaults. */
  configureTopic: (topic: string, config: Record<string, string>) => Promise<void>
  /** Adds partitions until the topic has `count`. */
  addPartitions: (topic: string, count: number) => Promise<void>
  /** The partitions of the topics. @throws when one of them does not exist or has no leader */
  describePartitions: (topics: string[]) => Promise<PartitionState[]>
  /** Places the partitions on these replicas, and makes the first of each its leader. Resolves before the move has ended. */
  reassignReplicas: (partitions: ReadonlyArray<Omit<PartitionState, 'leader'>>) => Promise<void>
  /** Deletes those of the groups that exist. @throws when one has members; a killed member counts until its session times out */
  deleteGroups: (groupIds: string[]) => Promise<void>
  /** The number of members that the group has now. */
  countMembers: (groupId: string) => Promise<number>
  /** By partition, the offset that the group has committed: the next one it would read. Partitions without a commit are left out. */
  committedOffsets: (groupId: string, topic: string) => Promise<Map<number, bigint>>
  /** By partition, the offset at which a read-committed reader ends now. */
  endOffsets: (topic: string) => Promise<Map<number, bigint>>
  /**
   * Every record that a read-committed reader sees now: by partition, in the order of offsets, up to the first open transaction.
   *
   * @throws DeadlineExceededError | UndecodableError when a record batch is unreadable
   */
  readTopic: (topic: string, options?: ReadOptions) => Promise<StoredRecord[]>
  /** Like readTopic, but keeps only what `pick` returns for each record: millions of whole records do not fit into a process. */
  mapTopic: <T>(topic: string, pick: (record: StoredRecord) => T, options?: ReadOptions) => Promise<T[]>
  /** Passes every committed record, from the beginning on, to `onRecords` as it arrives, until it is closed. Commits no offsets. */
  followTopic: (topic: string, onRecords: (records: readonly StoredRecord[]) => void) => Promise<TopicFollower>
  /** Allows a user these operations. */
  grant: (permissions: readonly Permission[]) => Promise<void>
  /** Takes permissions back that were granted exactly like this. */
  revoke: (permissions: readonly Permission[]) => Promise<void>
  /** kafkajs's own producer, for tests: see {@link RawProducer}. */
  openRawProducer: (options?: RawProducerOptions) => Promise<RawProducer>
  close: () => Promise<void>
}

/** Connects. @throws when no broker can be reached */
export async function createAdmin (connection: KafkaConnection): Promise<KafkaAdmin> {
  const kafka = clientOf(connection)
  const admin = kafka.admin()
  await admin.connect()
  return {
    ensureTopics: (topics) => ensureTopics(admin, topics),
    listTopics: () => admin.listTopics(),
    deleteTopics: (topics) => admin.deleteTopics({ topics }),
    configureTopic: async (topic, config) => {
      await admin.alterConfigs({ validateOnly: false, resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries: toEntries(config) }] })
    },
    addPartitions: async (topic, count) => { await admin.createPartitions({ topicPartitions: [{ topic, count }] }) },
    describePartitions: (topics) => describePartitions(admin, topics),
    reassignReplicas: (partitions) => reassignReplicas(admin, partitions),
    deleteGroups: (groupIds) => deleteGroups(admin, groupIds),
    countMembers: async (groupId) => (await admin.describeGroups([groupId])).groups[0]?.members.length ?? 0,
    committedOffsets: (groupId, topic) => committedOffsets(admin, groupId, topic),
    endOffsets: (topic) => endOffsets(admin, topic),
    readTopic: (topic, options) => mapTopic(kafka, admin, topic, (record) => record, options),
    mapTopic: (topic, pick, options) => mapTopic(kafka, admin, topic, pick, options),
    followTopic: (topic, onRecords) => followTopic(kafka, topic, onRecords),
    grant: async (permissions) => { await admin.createAcls({ acl: toAclEntries(permissions) }) },
    revoke: async (permissions) => { await admin.deleteAcls({ filters: toAclEntries(permissions) }) },
    openRawProducer: (options) => openRawProducer(kafka, options),
    close: () => admin.disconnect()
  }
}

async function ensureTopics (admin: Admin, topics: readonly TopicToCreate[]): Promise<void> {
  const existing = new Set(await admin.listTopics())
  const missing: ITopicConfig[] = topics.filter(({ topic }) => !existing.has(topic))
    .map(({ topic, partitions, replicationFactor = -1, config = {} }) => ({ topic, numPartitions: partitions, replicationFactor, configEntries: toEntries(config) }))
  if (missing.length === 0) return
  // kafkajs's own waitForLeaders fails when a broker does not know the new topic yet, which is usual for a moment.
  await admin.createTopics({ topics: missing, waitForLeaders: false })
  await untilLed(admin, missing.map(({ topic }) => topic))
}

const toEntries = (config: Record<string, string>) => Object.entries(config).map(([name, value]) => ({ name, value }))

/** @throws the last answer of the broker, after the deadline */
async function untilLed (admin: Admin, topics: string[]): Promise<void> {
  const giveUpAt = performance.now() + LEADERS_DEADLINE_MS
  for (;;) {
    try {
      await admin.fetchTopicMetadata({ topics })
      // Asks the leaders: a broker that the metadata names as leader may not know yet that it is.
      await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)))
      return
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
      await delay(LEADERS_POLL_MS)
    }
  }
}

async function describePartitions (admin: Admin, names: string[]): Promise<PartitionState[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: names })
  return topics.flatMap(({ name, partitions }) => partitions.map(({ partitionId, leader, replicas }) => ({ topic: name, partition: partitionId, leader, replicas })))
}

async function reassignReplicas (admin: Admin, partitions: ReadonlyArray<Omit<PartitionState, 'leader'>>): Promise<void> {
  const topics = Object.entries(Object.groupBy(partitions, ({ topic }) => topic))
  await admin.alterPartitionReassignments({
    topics: topics.map(([topic, own = []]) => ({ topic, partitionAssignment: own.map(({ partition, replicas }) => ({ partition, replicas })) }))
  })
}

async function deleteGroups (admin: Admin, groupIds: string[]): Promise<void> {
  const existing = new Set((await admin.listGroups()).groups.map(({ groupId }) => groupId))
  const found = groupIds.filter((groupId) => existing.has(groupId))
  if (found.length > 0) await admin.deleteGroups(found)
}

async function committedOffsets (admin: Admin, groupId: string, topic: string): Promise<Map<number, bigint>> {
  const topics = await admin.fetchOffsets({ groupId, topics: [topic] })
  const committed = topics.flatMap(({ partitions }) => partitions).filter(({ offset }) => BigInt(offset) >= 0n)
  return new Map(committed.map(({ partition, offset }) => [partition, BigInt(offset)]))
}

async function endOffsets (admin: Admin, topic: string): Promise<Map<number, bigint>> {
  return new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]))
}
