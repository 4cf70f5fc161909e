import { LeaderElector, type ElectorEvent, type LeaseStore, type Term } from '@orders/leader-election'
import type { Connection } from '@orders/leader-election/postgres'
import type { ShardState, SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import type { RelayMetrics } from '../metrics.ts'
import type { ShardRelay } from '../publishing/shard-relay.ts'
import { logElection } from './election-log.ts'
import { processOf } from './identity.ts'
import { Successor } from './successor.ts'

export interface ShardLeaderOptions {
  shard: number
  /** The name that all replicas share. */
  group: string
  process: string
  relay: ShardRelay
  store: LeaseStore
  timings: { leaseDurationMs: number, renewDeadlineMs: number, retryPeriodMs: number }
  /** What the eager take-over needs; undefined where there is none. */
  eager: { db: SqlClient, connection: Connection } | undefined
  metrics: RelayMetrics
  logger: Logger
}

interface Work {
  stop: () => void
  stopping: AbortSignal
  done: Promise<void>
}

/**
 * Publishes a shard while this process should lead it. The lease says so; where it cannot be reached, the death of the
 * leader does ({@link Successor}). Neither has to be right: two that both lead hinder each other, and publish nothing twice.
 */
export class ShardLeader {
  readonly shard: number
  readonly #options: ShardLeaderOptions
  readonly #elector: LeaderElector
  readonly #successor: Successor | undefined
  #work: Work | undefined

  constructor (options: ShardLeaderOptions) {
    const { shard, process, group, store, timings, eager, logger } = options
    this.shard = shard
    this.#options = options
    this.#elector = new LeaderElector({
      store,
      identity: process,
      ...timings,
      // The lease is coordination, the fences are safety: an API server that is away is no reason to stop publishing.
      keepLeadingWhileUnreachable: true,
      onEvent: (event) => { this.#onEvent(event) }
    })
    this.#successor = eager && new Successor({
      shard,
      process,
      group,
      elector: this.#elector,
      ...eager,
      standIn: (expected) => this.#begin(expected).done,
      pauseMs: timings.retryPeriodMs / 4,
      logger
    })
  }

  /** Whether this process publishes the shard, or is about to. */
  get isLeading (): boolean {
    return this.#work !== undefined
  }

  /** Whether another replica could have the shard now: without the lease nobody but this process can take it again. */
  get canGiveUp (): boolean {
    return this.#elector.isLeading && this.#elector.storeReachable
  }

  /** @throws Error when a leader cannot renew its lease and does not stop */
  assertHealthy (): void {
    const health = this.#elector.health()
    if (!health.healthy) throw new Error(`shard ${this.shard}: ${health.reason}`)
  }

  /** Competes, and publishes whenever it should, until `signal` is aborted. The batch in flight is finished, then the lease released. */
  async run (signal: AbortSignal): Promise<void> {
    const stop = () => { this.#work?.stop() }
    signal.addEventListener('abort', stop)
    try {
      await Promise.all([
        this.#elector.run({ signal, lead: (term) => this.#lead(term) }),
        this.#successor?.run(signal)
      ])
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** Gives the shard to whoever takes it first. */
  giveUp (): void {
    this.#work?.stop()
  }

  async #lead (term: Term): Promise<void> {
    // Standing in was over when somebody else had the lease, who has lost it again. Two at a time would fence each other.
    if (this.#work?.stopping.aborted === true) await this.#work.done.catch(() => {})
    // The lease came back while we stood in for its dead holder: what is being published goes on under it.
    const work = this.#work ?? this.#begin()
    term.signal.addEventListener('abort', work.stop)
    if (term.signal.aborted) work.stop()
    await work.done
  }

  #begin (expected?: ShardState): Work {
    const stop = new AbortController()
    const done = this.#options.relay.run(stop.signal, expected).finally(() => { this.#work = undefined })
    // Whoever gave the order waits for it; until then its failure must not pass for one that nobody handles.
    done.catch(() => {})
    this.#work = { stop: () => { stop.abort() }, stopping: stop.signal, done }
    return this.#work
  }

  #onEvent (event: ElectorEvent): void {
    const { logger, metrics, process, shard } = this.#options
    logElection(logger, shard, event)
    metrics.leaseEvent(shard, event)
    if (event.type === 'holder-changed' || event.type === 'attempt-failed') this.#successor?.lookAgain()
    // Somebody has the lease for which we stood in.
    if (event.type === 'holder-changed' && event.holder !== undefined && processOf(event.holder) !== process) this.#work?.stop()
  }
}
