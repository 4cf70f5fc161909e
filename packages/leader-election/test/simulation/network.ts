import { LeaseStoreError, type LeaderElectionRecord, type LeaseObserver, type LeaseSnapshot, type LeaseStore, type LeaseWatch, type StoreRequest } from '@orders/leader-election'
import type { MemoryLease } from '../fakes/memory-lease.ts'
import type { Scheduler } from '../fakes/scheduler.ts'
import type { Random } from '@orders/testing/framework/random'

/** The probability of each network fault, per request. */
export interface Weather {
  slow: number
  loseRequest: number
  loseReply: number
  /** Answered with an error, and nothing was done. */
  failBefore: number
  /** Answered with an error, although the write was done. */
  failAfter: number
  loseHint: number
  slowHint: number
}

export const CALM: Weather = { slow: 0, loseRequest: 0, loseReply: 0, failBefore: 0, failAfter: 0, loseHint: 0, slowHint: 0 }

/** What is visible of a replica from outside: its requests, and the replies that reached it. */
export interface NetworkObserver {
  onSend: (request: Request) => void
  onApplied: (request: Request, before: LeaderElectionRecord | undefined, after: LeaderElectionRecord) => void
  onDelivered: (request: Request, snapshot: LeaseSnapshot) => void
  onAbsent: () => void
}

export interface Request {
  kind: 'get' | 'create' | 'update'
  record: LeaderElectionRecord | undefined
  version: unknown
}

export type Outage = 'none' | 'hang' | 'refuse' | 'forbid'

/** One replica's connection to the shared lease, with all its faults. */
export class Link implements LeaseStore {
  readonly description = 'the lease'
  /** Of this link alone. */
  outage: Outage = 'none'
  #watcher: LeaseObserver | undefined
  readonly #network: Network
  readonly #deliver: (work: () => void) => void
  readonly #observer: NetworkObserver

  /** @param deliver runs something inside the replica, when the replica can run at all */
  constructor (network: Network, deliver: (work: () => void) => void, observer: NetworkObserver) {
    this.#network = network
    this.#deliver = deliver
    this.#observer = observer
    network.links.add(this)
  }

  get ({ signal }: StoreRequest): Promise<LeaseSnapshot> {
    return this.#send({ kind: 'get', record: undefined, version: undefined }, signal)
  }

  create (record: LeaderElectionRecord, { signal }: StoreRequest): Promise<LeaseSnapshot> {
    return this.#send({ kind: 'create', record, version: undefined }, signal)
  }

  update (record: LeaderElectionRecord, version: unknown, { signal }: StoreRequest): Promise<LeaseSnapshot> {
    return this.#send({ kind: 'update', record, version }, signal)
  }

  watch (observer: LeaseObserver): LeaseWatch {
    this.#watcher = observer
    return { close: async () => { this.#watcher = undefined } }
  }

  hint (record: LeaderElectionRecord | undefined): void {
    this.#deliver(() => { this.#watcher?.onHint(record) })
  }

  #send (request: Request, signal: AbortSignal): Promise<LeaseSnapshot> {
    const { scheduler, random } = this.#network
    this.#observer.onSend(request)
    return new Promise((resolve, reject) => {
      const answer = (error: LeaseStoreError | undefined, snapshot?: LeaseSnapshot) => {
        this.#network.count(error === undefined ? 'answered' : error.reason)
        scheduler.schedule(this.#latencyMs(), () => {
          this.#deliver(() => {
            // The replica has given the request up, which may still have had its effect.
            if (signal.aborted) return
            if (snapshot === undefined) {
              if (error?.reason === 'not-found') this.#observer.onAbsent()
              reject(error)
              return
            }
            this.#observer.onDelivered(request, snapshot)
            resolve(snapshot)
          })
        })
      }
      scheduler.schedule(this.#latencyMs(), () => {
        const outage = this.outage === 'none' ? this.#network.outage : this.outage
        const { weather } = this.#network
        if (outage === 'hang' || random.chance(weather.loseRequest)) return
        if (outage === 'forbid') {
          answer(new LeaseStoreError('forbidden', 'simulated'))
          return
        }
        if (outage === 'refuse' || random.chance(weather.failBefore)) {
          answer(new LeaseStoreError('unavailable', 'simulated'))
          return
        }
        try {
          const snapshot = this.#apply(request)
          if (random.chance(weather.loseReply)) this.#network.count('reply lost')
          else if (random.chance(weather.failAfter)) answer(new LeaseStoreError('unavailable', 'simulated'))
          else answer(undefined, snapshot)
        } catch (error) {
          answer(LeaseStoreError.from(error))
        }
      })
    })
  }

  #apply (request: Request): LeaseSnapshot {
    const { lease } = this.#network
    const { kind, record, version } = request
    if (kind === 'get' || record === undefined) return lease.read()
    const before = lease.record
    const snapshot = kind === 'create' ? lease.create(record) : lease.update(record, version)
    this.#observer.onApplied(request, before, snapshot.record)
    this.#network.tellWatchers()
    return snapshot
  }

  #latencyMs (): number {
    const { random, weather } = this.#network
    return random.chance(weather.slow) ? random.uniform(100, 3_000) : random.uniform(1, 30)
  }
}

/** The store and all links to it. */
export class Network {
  readonly links = new Set<Link>()
  readonly scheduler: Scheduler
  readonly lease: MemoryLease
  readonly random: Random
  weather: Weather
  outage: Outage = 'none'
  readonly #counts: Map<string, number>

  constructor (scheduler: Scheduler, lease: MemoryLease, random: Random, weather: Weather, counts: Map<string, number>) {
    this.scheduler = scheduler
    this.lease = lease
    this.random = random
    this.weather = weather
    this.#counts = counts
  }

  count (what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
  }

  tellWatchers (): void {
    const { record } = this.lease
    for (const link of this.links) {
      if (this.random.chance(this.weather.loseHint) || this.outage !== 'none' || link.outage !== 'none') continue
      const delayMs = this.random.chance(this.weather.slowHint) ? this.random.uniform(100, 10_000) : this.random.uniform(1, 30)
      this.scheduler.schedule(delayMs, () => { link.hint(record) })
    }
  }
}
