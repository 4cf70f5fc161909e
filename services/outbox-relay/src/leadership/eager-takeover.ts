import { setTimeout as delay } from 'node:timers/promises'
import type { LeaderElector } from '@orders/leader-election'
import { untilProcessEnds, type Connection } from '@orders/leader-election/postgres'
import { FencedError, readShard, type ShardState, type SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import { processOf } from './process-name.ts'

export interface EagerTakeoverOptions {
  shard: number
  /** This process. */
  processName: string
  /** The processes that watch each other: all replicas of one relay. */
  group: string
  elector: LeaderElector
  db: SqlClient
  connection: Connection
  /** Publishes the shard without its lease, if it still has this epoch and holder. Settles when that has ended. */
  standIn: (expected: ShardState) => Promise<void>
  /** Between two attempts. */
  pauseMs: number
  logger: Logger
}

/**
 * A standby's eager takeover. Every relay holds a Postgres session for as long as it lives. The standby waits for the end of the
 * leader's session, instead of waiting until the leader's lease expires.
 *
 * The fences make it safe, not the end of the session: a session can be cut while its process lives on.
 */
export class EagerTakeover {
  readonly #options: EagerTakeoverOptions
  #changed = new AbortController()

  constructor (options: EagerTakeoverOptions) {
    this.#options = options
  }

  /** The holder, or whether the lease store can be reached, may have changed: starts over. */
  recheck (): void {
    this.#changed.abort()
  }

  async run (signal: AbortSignal): Promise<void> {
    const { logger, pauseMs, shard } = this.#options
    while (!signal.aborted) {
      if (this.#changed.signal.aborted) this.#changed = new AbortController()
      const over = AbortSignal.any([signal, this.#changed.signal])
      try {
        await this.#watchLeader(over)
      } catch (error) {
        if (error instanceof FencedError) logger.info({ event: 'stand_in_lost', shard }, 'another relay stood in first')
        else logger.debug({ event: 'leader_not_watched', err: error, shard }, 'the leader\'s session cannot be watched; its lease decides')
      }
      await delay(pauseMs, undefined, { signal: over }).catch(() => {})
    }
  }

  async #watchLeader (signal: AbortSignal): Promise<void> {
    const { elector } = this.#options
    if (elector.isLeading) return
    if (elector.storeReachable) await this.#challenge(signal)
    else await this.#standIn(signal)
  }

  /** The lease can be reached. When the session of its holder ends, takes the lease before it expires. */
  async #challenge (signal: AbortSignal): Promise<void> {
    const { connection, elector, group, logger, processName, shard } = this.#options
    const { holder } = elector
    if (holder === undefined || processOf(holder) === processName) return
    if (!await untilProcessEnds(connection, group, processOf(holder), signal) || elector.isLeading) return
    logger.info({ event: 'leader_challenged', shard, holder }, 'the leader\'s session has ended, taking its lease')
    elector.challenge(holder)
  }

  /**
   * The lease store cannot be reached, so no replica can take the lease. `relay_shard` names the process that published last. When
   * its session ends, publishes without the lease. Of several standbys that do so, the epoch and the holder that they have read let
   * one through. Both are compared, because a restored database gives an epoch out again.
   */
  async #standIn (signal: AbortSignal): Promise<void> {
    const { connection, db, elector, group, logger, processName, shard, standIn } = this.#options
    const { epoch, holder } = await readShard(db, shard)
    if (holder !== undefined && holder !== processName && !await untilProcessEnds(connection, group, holder, signal)) return
    if (signal.aborted || elector.isLeading || elector.storeReachable) return
    logger.warn({ event: 'standing_in', shard, holder, epoch }, 'the lease cannot be reached and the leader\'s session has ended: publishing in its place')
    await standIn({ epoch, holder })
  }
}
