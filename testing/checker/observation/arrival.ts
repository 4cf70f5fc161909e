import type { KafkaAdmin, KafkaConnection } from '@orders/kafka'
import { until, withAdmin } from '../../framework/index.ts'
import type { OutboxWatch } from './outbox-watch.ts'

const DEADLINE_MS = 120_000
/** The offset behind a transaction's end is committed at the first try or with the next event, which may never come. */
const CATCH_UP_MS = 5_000

/** Where events arrive. */
export interface Destination {
  connection: KafkaConnection
  topic: string
  /** The consumer's. */
  group: string
}

/**
 * Resolves when nothing is in flight: the outbox holds only events that wait behind a dead letter, and the consumer's group has
 * committed the end of the topic. Errors on the way count as not yet: servers may still be recovering.
 *
 * @throws Error that says what has not arrived
 */
export async function untilNothingInFlight ({ connection, topic, group }: Destination, outbox: OutboxWatch, deadlineMs: number): Promise<void> {
  await until(async () => {
    const waiting = await outbox.countWaiting()
    if (waiting !== 0) throw new Error(`${waiting ?? 'an unknown number of'} events in the outbox`)
    const lag = await withAdmin(connection, (admin) => lagOf(admin, topic, group))
    if (lag !== 0n) throw new Error(`${lag} records not consumed yet`)
    return true
  }, { what: 'everything to arrive', deadlineMs })
}

/**
 * The same for a load whose accepted events are known, on servers that others may use too. Also resolves when all of them are
 * applied and the group does not say so for some seconds, or when `giveUp` is aborted.
 *
 * @throws Error that says what is missing, after two minutes
 */
export async function untilArrived (
  { consumer, connection, topic, group }: Destination & { consumer: { http: string } }, load: { readonly events: number }, outbox: OutboxWatch, giveUp: AbortSignal
): Promise<void> {
  let appliedSince = Infinity
  await withAdmin(connection, (admin) => until(async () => {
    if (giveUp.aborted) return true
    const { applied } = await (await fetch(`${consumer.http}/stats`)).json() as { applied: number }
    const waiting = await outbox.countWaiting()
    // A coordinator that moves answers with an error for a while. Until it answers, the counts have to do.
    if (waiting === 0 && await hasCaughtUp(admin, topic, group).catch(() => false)) return true
    if (waiting !== 0 || applied < load.events) {
      appliedSince = Infinity
      throw new Error(`${applied} of ${load.events} applied, ${waiting ?? 'an unknown number'} in the outbox`)
    }
    appliedSince = Math.min(appliedSince, performance.now())
    if (performance.now() - appliedSince > CATCH_UP_MS) return true
    throw new Error('the consumer has not read the whole topic')
  }, { what: 'every accepted event to be applied', deadlineMs: DEADLINE_MS }))
}

/** Resolves when the group has read what is in the topic now, or after some seconds if it does not say so. */
export async function untilCaughtUp (admin: KafkaAdmin, topic: string, group: string): Promise<void> {
  await until(() => hasCaughtUp(admin, topic, group), { what: 'the consumer to have read the topic', deadlineMs: CATCH_UP_MS }).catch(() => {})
}

async function hasCaughtUp (admin: KafkaAdmin, topic: string, group: string): Promise<boolean> {
  return await lagOf(admin, topic, group) === 0n
}

/** Records that the group has not committed yet. */
async function lagOf (admin: KafkaAdmin, topic: string, group: string): Promise<bigint> {
  const [ends, committed] = await Promise.all([admin.endOffsets(topic), admin.committedOffsets(group, topic)])
  let lag = 0n
  for (const [partition, end] of ends) {
    const behind = end - (committed.get(partition) ?? 0n)
    if (behind > 0n) lag += behind
  }
  return lag
}
