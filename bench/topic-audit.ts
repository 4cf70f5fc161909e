import { createAdmin, type KafkaConnection } from '@orders/kafka'

export interface TopicAudit {
  events: number
  duplicates: number
  /** Events before which the previous version of their aggregate is missing. */
  outOfOrder: number
  /** By the broker's time stamps, from the first record to the last. */
  eventsPerSecond: number
}

/** Reads a topic as a read-committed consumer does, and checks that every aggregate's versions are 1, 2, 3, … */
export async function auditTopic (connection: KafkaConnection, topic: string): Promise<TopicAudit> {
  const versions = new Map<string, number>()
  let [events, duplicates, outOfOrder, first, last] = [0, 0, 0, Infinity, 0]
  const admin = await createAdmin(connection)
  await admin.mapTopic(topic, ({ key, headers, timestamp }) => {
    const aggregate = String(key)
    const version = Number(headers.ce_aggregateversion)
    const before = versions.get(aggregate) ?? 0
    events++
    if (version <= before) duplicates++
    else {
      if (version !== before + 1) outOfOrder++
      versions.set(aggregate, version)
    }
    first = Math.min(first, timestamp)
    last = Math.max(last, timestamp)
  }, { deadlineMs: 600_000 }).finally(() => admin.close())
  return { events, duplicates, outOfOrder, eventsPerSecond: events / Math.max(1, last - first) * 1_000 }
}
