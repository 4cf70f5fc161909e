import { createAdmin, openPlainPublisher, runConsumer, type ConsumedBatch, type ConsumerOptions, type KafkaAdmin, type RunningConsumer } from '@orders/kafka'
import type { TestTopic } from '@orders/testing/framework'
import type { Test } from 'tap'

export async function publish ({ connection, topic }: TestTopic, values: string[]): Promise<void> {
  const publisher = await openPlainPublisher(connection, { sendDeadlineMs: 8_000 })
  await publisher.publish(values.map((value) => ({ topic, key: value, value, headers: {} }))).finally(() => publisher.close())
}

/** A consumer of the topic with short timeouts, stopped after the test. A fatal error fails the test. */
export function consume (
  t: Test, { connection, topic }: TestTopic, handleBatch: ConsumerOptions['handleBatch'], options: Partial<ConsumerOptions> = {}
): RunningConsumer {
  const consumer = runConsumer({
    connection, groupId: `group-${topic}`, topics: [topic], sessionTimeoutMs: 6_000, minRetryDelayMs: 5, handleBatch, onFatal: (error) => { t.fail(error.message) }, ...options
  })
  t.teardown(() => consumer.stop())
  return consumer
}

export async function openAdmin (t: Test, { connection }: TestTopic): Promise<KafkaAdmin> {
  const admin = await createAdmin(connection)
  t.teardown(() => admin.close())
  return admin
}

export const valuesOf = ({ records }: ConsumedBatch): string[] => records.map(({ value }) => String(value))

export const numbered = (count: number, prefix = 'v'): string[] => Array.from({ length: count }, (_, index) => `${prefix}${index}`)
