import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Admin, ITopicConfig } from 'kafkajs'
import type { KafkaConnection } from './connection.ts'
import { withDeadline } from './deadline.ts'
import type { RecordHeaders } from './event-record.ts'
import type { ConsumedRecord } from './consumer/handle-fetch.ts'
import type { RecordDamage } from './kafkajs/records/fetched-records.ts'
import { UndecodableError } from './kafkajs/records/undecodable-error.ts'

const LEADERS_DEADLINE_MS = 20_000
const LEADERS_POLL_MS = 50
const READ_DEADLINE_MS = 60_000

export interface TopicToCreate {
  topic: string
  partitions: number
  replicationFactor?: number
  config?: Record<string, string>
}

export interface StoredRecord {
  topic: string
  partition: number
  offset: bigint
  key: string | null
  value: Buffer | null
  headers: RecordHeaders
  /** When it was published, in milliseconds since 1970, by the publisher's clock. */
  timestamp: number
  /** Whether its producer wrote it in a transaction. */
  transactional: boolean
  /** It could not be decoded; `value` has its bytes. */
  damage?: RecordDamage
}

/** What our decoder gives each record besides. */
type BatchedRecord = ConsumedRecord & { batchContext: { inTransaction: boolean } }

export interface ReadOptions {
  /** A minute if not given. */
  deadlineMs?: number
}

/** What is needed of Kafka besides publishing and consuming: set-up, inspection, clean-up. */
export interface KafkaAdmin {
  /** Creates the topics that do not exist yet. */
  ensureTopics: (topics: readonly TopicToCreate[]) => Promise<void>
  listTopics: () => Promise<string[]>
  deleteTopics: (topics: string[]) => Promise<void>
  /** Deletes those of the groups that exist. @throws when one has members; a killed one counts until its session ends */
  deleteGroups: (groupIds: string[]) => Promise<void>
  /**
   * Every record that a read-committed reader sees now, by partition in the order of offsets: up to the first transaction
   * that is still open.
   *
   * @throws DeadlineExceededError | UndecodableError when a batch of records is not what was written
   */
  readTopic: (topic: string, options?: ReadOptions) => Promise<StoredRecord[]>
  /** The same, of each record only what `pick` takes of it: a topic of millions is more than a process can hold. */
  mapTopic: <T>(topic: string, pick: (record: StoredRecord) => T, options?: ReadOptions) => Promise<T[]>
  /** By partition, what the group has committed: the offset that it would read next. Without those it has committed nothing for. */
  committedOffsets: (groupId: string, topic: string) => Promise<Map<number, bigint>>
  /** By partition, where a read-committed reader has nothing more to read now. */
  endOffsets: (topic: string) => Promise<Map<number, bigint>>
  /** How many members the group has now. */
  countMembers: (groupId: string) => Promise<number>
  close: () => Promise<void>
}

export async function createAdmin (connection: KafkaConnection): Promise<KafkaAdmin> {
  const admin = connection.kafka.admin()
  await admin.connect()
  return {
    ensureTopics: (topics) => ensureTopics(admin, topics),
    listTopics: () => admin.listTopics(),
    deleteTopics: (topics) => admin.deleteTopics({ topics }),
    deleteGroups: (groupIds) => deleteGroups(admin, groupIds),
    readTopic: (topic, options) => mapTopic(connection, admin, topic, (record) => record, options),
    mapTopic: (topic, pick, options) => mapTopic(connection, admin, topic, pick, options),
    committedOffsets: (groupId, topic) => committedOffsets(admin, groupId, topic),
    endOffsets: (topic) => endOffsets(admin, topic),
    countMembers: async (groupId) => (await admin.describeGroups([groupId])).groups[0]?.members.length ?? 0,
    close: () => admin.disconnect()
  }
}

async function ensureTopics (admin: Admin, topics: readonly TopicToCreate[]): Promise<void> {
  const existing = new Set(await admin.listTopics())
  const missing: ITopicConfig[] = topics.filter(({ topic }) => !existing.has(topic))
    .map(({ topic, partitions, replicationFactor = -1, config = {} }) => ({
      topic,
      numPartitions: partitions,
      replicationFactor,
      configEntries: Object.entries(config).map(([name, value]) => ({ name, value }))
    }))
  if (missing.length === 0) return
  // kafkajs's own waitForLeaders gives up where a broker has not heard of the new topic yet, which is usual for a moment.
  await admin.createTopics({ topics: missing, waitForLeaders: false })
  await untilLed(admin, missing.map(({ topic }) => topic))
}

/** @throws what the broker said last, when it takes too long */
async function untilLed (admin: Admin, topics: string[]): Promise<void> {
  const giveUpAt = performance.now() + LEADERS_DEADLINE_MS
  for (;;) {
    try {
      await admin.fetchTopicMetadata({ topics })
      // Asks the leaders themselves: one that is named in the metadata may not know of its office yet.
      await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)))
      return
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
      await delay(LEADERS_POLL_MS)
    }
  }
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

async function mapTopic<T> (
  { kafka }: KafkaConnection, admin: Admin, topic: string, pick: (record: StoredRecord) => T, { deadlineMs = READ_DEADLINE_MS }: ReadOptions = {}
): Promise<T[]> {
  const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) =>
    [partition, { from: BigInt(low), to: BigInt(high), next: BigInt(low), picked: [] as T[] }]))
  const unread = new Set([...ends].filter(([, { from, to }]) => to > from).map(([partition]) => partition))
  if (unread.size === 0) return []
  const groupId = `read-${randomUUID()}`
  const consumer = kafka.consumer({ groupId, retry: { retries: 5 } })
  try {
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    let giveUp: (error: Error) => void = () => {}
    const complete = new Promise<void>((resolve, reject) => {
      giveUp = reject
      // This event, not the handler: the last entries of a partition are the markers of a transaction, and no handler is
      // called for those.
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
        if (BigInt(lastOffset) + 1n >= (ends.get(partition)?.to ?? 0n)) unread.delete(partition)
        if (unread.size === 0) resolve()
      })
    })
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        const { partition, messages } = batch
        const end = ends.get(partition)
        for (const { offset: text, key, value, headers, timestamp, damage, batchContext } of messages as unknown as BatchedRecord[]) {
          if (damage?.kind === 'unreadable') {
            giveUp(new UndecodableError(`records that can be read at ${topic}/${partition}/${damage.firstOffset}`, damage.message))
            return
          }
          const offset = BigInt(text)
          // Nothing is committed: a reader that lost its session begins anew, and comes by what it has already.
          if (end !== undefined && offset >= end.next && offset < end.to) {
            end.picked.push(pick({
              topic,
              partition,
              offset,
              key: key?.toString() ?? null,
              value,
              headers,
              timestamp: Number(timestamp),
              transactional: batchContext.inTransaction,
              ...(damage === undefined ? {} : { damage })
            }))
            end.next = offset + 1n
          }
          resolveOffset(text)
        }
      }
    })
    await withDeadline(`reading ${topic}`, deadlineMs, complete)
  } finally {
    await consumer.disconnect()
    await admin.deleteGroups([groupId]).catch(() => {})
  }
  return [...ends].sort(([a], [b]) => a - b).flatMap(([, { picked }]) => picked)
}
