import { createAdmin, type KafkaAdmin, type KafkaConnection } from '@orders/kafka'
import { until, type ServiceProcess } from '../../framework/index.ts'
import type { OrderLoad } from '../../traffic/order-load.ts'
import type { OutboxWatch } from './outbox-watch.ts'

const DEADLINE_MS = 120_000
/** The offset behind a transaction's end is committed at the first try or with the next event, which may never come. */
const CATCH_UP_MS = 5_000

/** Where events arrive. */
export interface Destination {
  consumer: ServiceProcess
  connection: KafkaConnection
  topic: string
  /** The consumer's. */
  group: string
}

/**
 * Resolves when nothing is on its way any more: the outbox is empty, but for events that wait behind a dead letter, and the
 * consumer has read the whole topic, also what others wrote to it. Or nobody waits for it any more.
 *
 * @throws Error that says what is missing, after two minutes
 */
export async function untilArrived ({ consumer, connection, topic, group }: Destination, load: OrderLoad, outbox: OutboxWatch, giveUp: AbortSignal): Promise<void> {
  const admin = await createAdmin(connection)
  let appliedSince = Infinity
  try {
    await until(async () => {
      if (giveUp.aborted) return true
      const { applied } = await (await fetch(`${consumer.http}/stats`)).json() as { applied: number }
      const backlog = await outbox.read()
      const waiting = backlog === undefined ? undefined : backlog.events - backlog.blockedEvents - backlog.withheldEvents
      // A coordinator that moves answers with an error for a while, and then the counts have to do.
      if (waiting === 0 && await hasCaughtUp(admin, topic, group).catch(() => false)) return true
      if (waiting !== 0 || applied < load.events) {
        appliedSince = Infinity
        throw new Error(`${applied} of ${load.events} applied, ${waiting ?? 'an unknown number'} in the outbox`)
      }
      appliedSince = Math.min(appliedSince, performance.now())
      if (performance.now() - appliedSince > CATCH_UP_MS) return true
      throw new Error('the consumer has not read the whole topic')
    }, { what: 'every accepted event to be applied', deadlineMs: DEADLINE_MS })
  } finally {
    await admin.close()
  }
}

/** Resolves when the group has read what is in the topic now, or does not say so in some seconds. */
export async function untilCaughtUp (admin: KafkaAdmin, topic: string, group: string): Promise<void> {
  await until(() => hasCaughtUp(admin, topic, group), { what: 'the consumer to have read the topic', deadlineMs: CATCH_UP_MS }).catch(() => {})
}

async function hasCaughtUp (admin: KafkaAdmin, topic: string, group: string): Promise<boolean> {
  const [ends, committed] = await Promise.all([admin.endOffsets(topic), admin.committedOffsets(group, topic)])
  return [...ends].every(([partition, end]) => (committed.get(partition) ?? 0n) >= end)
}
