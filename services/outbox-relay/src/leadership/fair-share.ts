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

/**
 * Gives shards up while this replica leads more than its part. Nobody is told to take one: every replica competes for every
 * shard all the time, and whoever gave one up waits a little before it competes again. So a shard whose other candidates are
 * all unable to lead comes back.
 */
export async function shareFairly ({ leaders, group, db, intervalMs, logger }: FairShareOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(intervalMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    try {
      const processes = Math.max(1, await countProcesses(db, group))
      const share = Math.ceil(leaders.length / processes)
      const led = leaders.filter(({ isLeading }) => isLeading)
      // One at a time: the others' counts are as old as ours, and several that give up together would leave gaps.
      const surplus = led.length > share ? led.at(-1) : undefined
      if (surplus === undefined) continue
      logger.info({ shard: surplus.shard, led: led.length, share, processes }, 'leading more than its share, giving a shard up')
      surplus.giveUp()
    } catch (error) {
      logger.debug({ err: error }, 'the replicas could not be counted')
    }
  }
}
