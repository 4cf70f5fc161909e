import { randomUUID } from 'node:crypto'
import { withDeadline } from '../deadline.ts'
import type { RecordHeaders } from '../event-record.ts'
import type { Admin, Kafka } from '../kafkajs/index.ts'
import type { FetchedRecord, RecordDamage } from '../kafkajs/records/fetched-records.ts'
import { UndecodableError } from '../kafkajs/undecodable-error.ts'

const READ_DEADLINE_MS = 60_000

export interface StoredRecord {
  topic: string
  partition: number
  offset: bigint
  key: string | null
  value: Buffer | null
  headers: RecordHeaders
  /** When it was published: milliseconds since 1970, by the publisher's clock. */
  timestamp: number
  /** Whether the producer wrote it in a transaction. */
  transactional: boolean
  /** Set when it could not be decoded; `value` then has its bytes. */
  damage?: RecordDamage
}

export interface ReadOptions {
  /** A minute if not given. */
  deadlineMs?: number
}

/** See KafkaAdmin's readTopic and mapTopic. */
export async function mapTopic<T> (
  kafka: Kafka, admin: Admin, topic: string, pick: (record: StoredRecord) => T, { deadlineMs = READ_DEADLINE_MS }: ReadOptions = {}
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
      // This event, not the handler: the last entries of a partition may be transaction markers, and kafkajs calls no handler
      // for those.
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
        for (const record of messages as unknown as FetchedRecord[]) {
          const { damage } = record
          if (damage?.kind === 'unreadable') {
            giveUp(new UndecodableError(`a readable record batch at ${topic}/${partition}/${damage.firstOffset}`, `an unreadable one: ${damage.message}`))
            return
          }
          const offset = BigInt(record.offset)
          // Nothing is committed, so a reader that lost its session starts again and sees records that it already has.
          if (end !== undefined && offset >= end.next && offset < end.to) {
            end.picked.push(pick(toStored(topic, partition, record)))
            end.next = offset + 1n
          }
          resolveOffset(record.offset)
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

export interface TopicFollower {
  close: () => Promise<void>
}

/** See KafkaAdmin's followTopic. */
export async function followTopic (kafka: Kafka, topic: string, onRecords: (records: readonly StoredRecord[]) => void): Promise<TopicFollower> {
  const consumer = kafka.consumer({ groupId: `follow-${randomUUID()}`, maxWaitTimeInMs: 500, minBytes: 1 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch: { partition, messages } }) => {
      onRecords((messages as unknown as FetchedRecord[]).map((record) => toStored(topic, partition, record)))
    }
  })
  return { close: () => consumer.disconnect() }
}

function toStored (topic: string, partition: number, { offset, key, value, headers, timestamp, damage, batchContext }: FetchedRecord): StoredRecord {
  return {
    topic,
    partition,
    offset: BigInt(offset),
    key: key?.toString() ?? null,
    value,
    headers,
    timestamp: Number(timestamp),
    transactional: batchContext.inTransaction,
    ...(damage === undefined ? {} : { damage })
  }
}
