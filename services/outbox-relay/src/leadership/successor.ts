import { setTimeout as delay } from 'node:timers/promises'
import type { LeaderElector } from '@orders/leader-election'
import { untilProcessEnds, type Connection } from '@orders/leader-election/postgres'
import { FencedError, readShard, type ShardState, type SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import { processOf } from './identity.ts'

export interface SuccessorOptions {
  shard: number
  /** The process that this is. */
  process: string
  /** The processes that watch each other: all replicas of one relay. */
  group: string
  elector: LeaderElector
  db: SqlClient
  connection: Connection
  /** Publishes the shard without its lease, if it still has this epoch and holder. Resolves or rejects when that has ended. */
  standIn: (expected: ShardState) => Promise<void>
  pauseMs: number
  logger: Logger
}

/**
 * A standby's eager take-over. Every relay holds a session of Postgres for as long as it lives; the successor waits for the
 * end of the leader's, and does not wait for its lease to run out.
 *
 * Safe because of the fences and not because of the proof: a session can be cut while its process lives on.
 */
export class Successor {
  readonly #options: SuccessorOptions
  #changed = new AbortController()

  constructor (options: SuccessorOptions) {
    this.#options = options
  }

  /** The leader, or what is known of the lease store, may be another one now. */
  lookAgain (): void {
    this.#changed.abort()
  }

  async run (signal: AbortSignal): Promise<void> {
    const { logger, pauseMs, shard } = this.#options
    while (!signal.aborted) {
      if (this.#changed.signal.aborted) this.#changed = new AbortController()
      const over = AbortSignal.any([signal, this.#changed.signal])
      try {
        await this.#succeed(over)
      } catch (error) {
        if (error instanceof FencedError) logger.info({ event: 'stand_in_lost', shard }, 'another relay was the first to stand in')
        else logger.debug({ event: 'leader_not_watched', err: error, shard }, 'the leader cannot be watched; its lease decides')
      }
      await delay(pauseMs, undefined, { signal: over }).catch(() => {})
    }
  }

  async #succeed (signal: AbortSignal): Promise<void> {
    const { elector } = this.#options
    if (elector.isLeading) return
    if (elector.storeReachable) await this.#challengeTheDead(signal)
    else await this.#standInForTheDead(signal)
  }

  /** The lease is there, and names a process that has ended: take it without waiting. */
  async #challengeTheDead (signal: AbortSignal): Promise<void> {
    const { connection, elector, group, logger, process, shard } = this.#options
    const { holder } = elector
    if (holder === undefined || processOf(holder) === process) return
    if (!await untilProcessEnds(connection, group, processOf(holder), signal) || elector.isLeading) return
    logger.info({ event: 'leader_challenged', shard, holder }, 'the leader\'s session has ended, challenging it')
    elector.challenge(holder)
  }

  /**
   * Nobody can reach the lease, so nobody can take it. Who published last stands in `relay_shard` too, and of all who stand
   * in for it, what they have read there lets one through: the epoch, and the holder, for a restored database gives an epoch out again. The lease is taken as soon as it can be.
   */
  async #standInForTheDead (signal: AbortSignal): Promise<void> {
    const { connection, db, elector, group, logger, process, shard, standIn } = this.#options
    const { epoch, holder } = await readShard(db, shard)
    if (holder !== undefined && holder !== process && !await untilProcessEnds(connection, group, holder, signal)) return
    if (signal.aborted || elector.isLeading || elector.storeReachable) return
    logger.warn({ event: 'standing_in', shard, holder, epoch }, 'the lease cannot be reached and the leader\'s session has ended: standing in for it')
    await standIn({ epoch, holder })
  }
}
