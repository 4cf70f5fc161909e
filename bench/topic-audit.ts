import { randomUUID } from 'node:crypto'
import { until } from '@orders/testing/framework'
import type { KafkaConnection } from '@orders/kafka'

export interface TopicAudit {
  events: number
  duplicates: number
  /** Events whose predecessor, the version before of the same aggregate, is not before them. */
  outOfOrder: number
  /** By the broker's time stamps, from the first record to the last. */
  eventsPerSecond: number
}

/** Reads a topic as a read-committed consumer does, and checks that every aggregate's versions are 1, 2, 3, … */
export async function auditTopic ({ kafka }: KafkaConnection, topic: string): Promise<TopicAudit> {
  const admin = kafka.admin()
  await admin.connect()
  const unread = new Map((await admin.fetchTopicOffsets(topic)).filter(({ low, high }) => high !== low)
    .map(({ partition, high }) => [partition, BigInt(high)]))
  const groupId = `audit-${randomUUID()}`
  const consumer = kafka.consumer({ groupId, maxBytesPerPartition: 4_194_304 })
  const versions = new Map<string, number>()
  let [events, duplicates, outOfOrder, first, last] = [0, 0, 0, Infinity, 0]
  try {
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    // Behind a partition's last record is a transaction's marker, for which no handler is called.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { partition, lastOffset } }) => {
      if (BigInt(lastOffset) + 1n >= (unread.get(partition) ?? 0n)) unread.delete(partition)
    })
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { key, headers = {}, timestamp } of batch.messages) {
          const aggregate = String(key)
          const version = Number(headers.ce_aggregateversion)
          const before = versions.get(aggregate) ?? 0
          events++
          if (version <= before) duplicates++
          else {
            if (version !== before + 1) outOfOrder++
            versions.set(aggregate, version)
          }
          first = Math.min(first, Number(timestamp))
          last = Math.max(last, Number(timestamp))
        }
      }
    })
    await until(() => unread.size === 0, { what: `${topic} to be read`, deadlineMs: 600_000 })
  } finally {
    await consumer.disconnect()
    await admin.deleteGroups([groupId]).catch(() => {})
    await admin.disconnect()
  }
  return { events, duplicates, outOfOrder, eventsPerSecond: events / Math.max(1, last - first) * 1_000 }
}
