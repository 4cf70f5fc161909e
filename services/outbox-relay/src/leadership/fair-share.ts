import { setTimeout as delay } from 'node:timers/promises'
import { countProcesses } from '@orders/leader-election/postgres'
import type { Logger } from 'pino'
import type pg from 'pg'
import type { ShardLeader } from './shard-leader.ts'

export interface FairShareOptions {
  leaders: readonly ShardLeader[]
  group: string
  db: pg.Pool
  intervalMs: number
  logger: Logger
}

/** For how long at most a shard that came back is kept. */
const MAX_PATIENCE_MS = 3_600_000

/**
 * Gives shards up while this replica leads more than its part. Nobody is told to take one: every replica competes for every
 * shard all the time, and whoever gave one up waits a little before it competes again. So a shard whose other candidates are
 * all unable to lead comes back, and stays longer each time: else a replica without Kafka would have its share of the shards,
 * and publish none of them, most of the time.
 */
export async function shareFairly ({ leaders, group, db, intervalMs, logger }: FairShareOptions, signal: AbortSignal): Promise<void> {
  let counted = 0
  const givenUp = new Map<ShardLeader, { times: number, keepUntil: number }>()
  while (!signal.aborted) {
    await delay(intervalMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    try {
      const processes = Math.max(1, await countProcesses(db, group))
      const share = Math.ceil(leaders.length / processes)
      const led = leaders.filter(({ isLeading }) => isLeading)
      // One at a time: the others' counts are as old as ours, and several that give up together would leave gaps.
      // Another one may have what the others lacked.
      if (processes !== counted) givenUp.clear()
      counted = processes
      const now = performance.now()
      const surplus = led.length > share
        ? led.findLast((leader) => leader.canGiveUp && now >= (givenUp.get(leader)?.keepUntil ?? 0))
        : undefined
      if (surplus === undefined) continue
      const times = (givenUp.get(surplus)?.times ?? 0) + 1
      givenUp.set(surplus, { times, keepUntil: now + Math.min(intervalMs * 4 ** times, MAX_PATIENCE_MS) })
      logger.info({ event: 'shard_given_up', shard: surplus.shard, led: led.length, share, processes }, 'leading more than its share, giving a shard up')
      surplus.giveUp()
    } catch (error) {
      logger.debug({ event: 'replicas_not_counted', err: error }, 'the replicas could not be counted')
    }
  }
}
