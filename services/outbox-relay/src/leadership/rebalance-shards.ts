import { setTimeout as delay } from 'node:timers/promises'
import { countProcesses } from '@orders/leader-election/postgres'
import type { Logger } from 'pino'
import type pg from 'pg'
import type { ShardLeader } from './shard-leader.ts'

export interface RebalanceOptions {
  leaders: readonly ShardLeader[]
  group: string
  db: pg.Pool
  intervalMs: number
  logger: Logger
}

/** A shard that came back is kept at most this long before it is given up again. */
const MAX_KEEP_MS = 3_600_000

/**
 * Gives shards up while this replica leads more than its share. No replica is told to take one: all of them compete for every shard
 * all the time, and a replica that gave one up waits a little before it competes again.
 *
 * A shard that no other replica can lead comes back, and is kept longer each time. Otherwise a replica without Kafka would hold its
 * share of the shards most of the time, and publish none of them.
 */
export async function rebalanceShards ({ leaders, group, db, intervalMs, logger }: RebalanceOptions, signal: AbortSignal): Promise<void> {
  let counted = 0
  const givenUp = new Map<ShardLeader, { times: number, keepUntil: number }>()
  while (!signal.aborted) {
    await delay(intervalMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    try {
      const processes = Math.max(1, await countProcesses(db, group))
      const share = Math.ceil(leaders.length / processes)
      const led = leaders.filter(({ isLeading }) => isLeading)
      // A new replica may be able to lead what the others could not.
      if (processes !== counted) givenUp.clear()
      counted = processes
      const now = performance.now()
      // One at a time: the counts of the others are as old as ours, and replicas that give up several at once would leave gaps.
      const surplus = led.length > share
        ? led.findLast((leader) => leader.canGiveUp && now >= (givenUp.get(leader)?.keepUntil ?? 0))
        : undefined
      if (surplus === undefined) continue
      const times = (givenUp.get(surplus)?.times ?? 0) + 1
      givenUp.set(surplus, { times, keepUntil: now + Math.min(intervalMs * 4 ** times, MAX_KEEP_MS) })
      logger.info({ event: 'shard_given_up', shard: surplus.shard, led: led.length, share, processes }, 'leading more than its share, giving a shard up')
      surplus.giveUp()
    } catch (error) {
      logger.debug({ event: 'replicas_not_counted', err: error }, 'the replicas could not be counted')
    }
  }
}
