import { until, type ServiceProcess } from '@orders/local-stack/harness'
import type { OrderLoad } from './order-load.ts'
import type { OutboxWatch } from './outbox-watch.ts'

const DEADLINE_MS = 120_000

/**
 * Resolves when the outbox is empty and every accepted event has been applied, or nobody waits for it any more.
 *
 * @throws Error that says what is missing, after two minutes
 */
export async function untilArrived (consumer: ServiceProcess, load: OrderLoad, outbox: OutboxWatch, giveUp: AbortSignal): Promise<void> {
  await until(async () => {
    if (giveUp.aborted) return true
    const { applied } = await (await fetch(`${consumer.http}/stats`)).json() as { applied: number }
    const backlog = await outbox.read()
    if (applied < load.events || backlog?.events !== 0) {
      throw new Error(`${applied} of ${load.events} applied, ${backlog?.events ?? 'an unknown number'} in the outbox`)
    }
    return true
  }, { what: 'every accepted event to be applied', deadlineMs: DEADLINE_MS })
}
