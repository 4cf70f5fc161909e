import { LeaderElector, type ElectorEvent, type LeaseStore, type LeaseTerm } from '@orders/leader-election'
import type { Connection } from '@orders/leader-election/postgres'
import type { ShardState, SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import type { RelayMetrics } from '../metrics.ts'
import type { ShardRelay } from '../publishing/shard-relay.ts'
import { EagerTakeover } from './eager-takeover.ts'
import { logElection } from './election-log.ts'
import { processOf } from './process-name.ts'

export interface ShardLeaderOptions {
  shard: number
  /** The name that all replicas share. */
  group: string
  /** This process. */
  processName: string
  relay: ShardRelay
  store: LeaseStore
  timings: { leaseDurationMs: number, renewDeadlineMs: number, retryPeriodMs: number }
  /** What the eager takeover needs; undefined: RELAY_EAGER_TAKEOVER is off. */
  eager: { db: SqlClient, connection: Connection } | undefined
  metrics: RelayMetrics
  logger: Logger
}

/** One run of the {@link ShardRelay}. */
interface Work {
  stop: () => void
  stopping: AbortSignal
  done: Promise<void>
}

/**
 * Publishes a shard while this process should lead it. README.md has the states.
 *
 * The lease decides who should lead. Where the lease store cannot be reached, the end of the leader's session does
 * ({@link EagerTakeover}). Neither has to be right: two relays that both lead fence each other, and publish nothing twice.
 */
export class ShardLeader {
  readonly shard: number
  readonly #options: ShardLeaderOptions
  readonly #elector: LeaderElector
  readonly #eagerTakeover: EagerTakeover | undefined
  #work: Work | undefined

  constructor (options: ShardLeaderOptions) {
    const { shard, processName, group, store, timings, eager, logger } = options
    this.shard = shard
    this.#options = options
    this.#elector = new LeaderElector({
      store,
      identity: processName,
      ...timings,
      // The lease is coordination, the fences are safety: an API server that is away is no reason to stop publishing.
      keepLeadingWhileUnreachable: true,
      onEvent: (event) => { this.#onEvent(event) }
    })
    this.#eagerTakeover = eager && new EagerTakeover({
      shard,
      processName,
      group,
      elector: this.#elector,
      ...eager,
      standIn: (expected) => this.#startWork(expected).done,
      pauseMs: timings.retryPeriodMs / 4,
      logger
    })
  }

  /** Whether this process publishes the shard, or is about to. */
  get isLeading (): boolean {
    return this.#work !== undefined
  }

  /** Whether another replica could take the shard now. While the lease store cannot be reached, none can. */
  get canGiveUp (): boolean {
    return this.#elector.isLeading && this.#elector.storeReachable
  }

  /** @throws Error when a leader cannot renew its lease and does not stop */
  assertHealthy (): void {
    const health = this.#elector.health()
    if (!health.healthy) throw new Error(`shard ${this.shard}: ${health.reason}`)
  }

  /** Competes and publishes until `signal` is aborted. Then the batch in flight is finished first, and the lease released. */
  async run (signal: AbortSignal): Promise<void> {
    const stop = () => { this.#work?.stop() }
    signal.addEventListener('abort', stop)
    try {
      await Promise.all([
        this.#elector.run({ signal, lead: (term) => this.#lead(term) }),
        this.#eagerTakeover?.run(signal)
      ])
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** Stops publishing and releases the lease. The first replica that asks for the lease gets it. */
  giveUp (): void {
    this.#work?.stop()
  }

  /** The lease is ours. */
  async #lead (term: LeaseTerm): Promise<void> {
    // Another replica had the lease while we stood in, and has lost it again. Two runs at a time would fence each other.
    if (this.#work?.stopping.aborted === true) await this.#work.done.catch(() => {})
    // The lease store is back while we stand in: the run that is under way goes on, now with the lease.
    const work = this.#work ?? this.#startWork()
    term.signal.addEventListener('abort', work.stop)
    if (term.signal.aborted) work.stop()
    await work.done
  }

  /** @param expected standing in: take the shard over only if it is still as this says */
  #startWork (expected?: ShardState): Work {
    const stop = new AbortController()
    const done = this.#options.relay.run(stop.signal, expected).finally(() => { this.#work = undefined })
    // Avoids an unhandled rejection; the caller awaits it.
    done.catch(() => {})
    this.#work = { stop: () => { stop.abort() }, stopping: stop.signal, done }
    return this.#work
  }

  #onEvent (event: ElectorEvent): void {
    const { logger, metrics, processName, shard } = this.#options
    logElection(logger, shard, event)
    metrics.leaseEvent(shard, event)
    if (event.type === 'holder-changed' || event.type === 'attempt-failed') this.#eagerTakeover?.recheck()
    // Another replica has the lease for which we stood in.
    if (event.type === 'holder-changed' && event.holder !== undefined && processOf(event.holder) !== processName) this.#work?.stop()
  }
}
