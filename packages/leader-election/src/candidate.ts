import type { Clock } from './clock.ts'
import type { ElectorEventListener, TakenBecause } from './events.ts'
import { released, renewed, sameRecord, taken, type LeaderElectionRecord } from './record.ts'
import { request } from './request.ts'
import { LeaseStoreError, type LeaseSnapshot, type LeaseStore, type StoreRequest } from './store.ts'

export interface CandidateOptions {
  identity: string
  store: LeaseStore
  clock: Clock
  leaseDurationMs: number
  requestTimeoutMs: number
  onEvent: ElectorEventListener
}

/** This candidate holds the lease. */
export interface Held {
  /** When the request that proves it was sent, not answered: other candidates may have seen the change at any moment in between. */
  sentAt: number
  because: TakenBecause
  transitions: number
  durationMs: number
}

/**
 * One candidate's requests for the record: a single attempt at a time to take, renew or release it. Every write presents
 * the version that was last read, so no two candidates replace the same record.
 *
 * A holder counts as alive for the lease duration in the record, from the moment at which *this candidate saw the record change*, on
 * *its own* clock. The times in the record come from an unknown clock.
 */
export class Candidate {
  readonly identity: string
  readonly #options: CandidateOptions
  readonly #leaseDurationSeconds: number
  /** The record when it was last seen to change, and when that was; `gone`: deleted since. */
  #seen: { record: LeaderElectionRecord, at: number, gone: boolean } | undefined
  /** The version that was read or written last; undefined: the record has to be read before the next write. */
  #version: unknown
  /** The outcome of the last write is unknown. */
  #inDoubt = false
  #challenged: string | undefined

  constructor (options: CandidateOptions) {
    this.identity = options.identity
    this.#options = options
    this.#leaseDurationSeconds = options.leaseDurationMs / 1_000
  }

  /** The holder that was seen last. */
  get holder (): string | undefined {
    return this.#seen?.record.holderIdentity || undefined
  }

  /** Whether there may be something to release. */
  get mayHold (): boolean {
    return this.#inDoubt || this.holder === this.identity
  }

  /** The time until the lease expires, when a standby should read it again; undefined: it has expired. */
  get expiresInMs (): number | undefined {
    const leftMs = this.#leftMs()
    return leftMs > 0 ? leftMs : undefined
  }

  /**
   * Takes the lease if it may be taken. For a standby; client-go's tryAcquireOrRenew.
   * @returns undefined while another candidate holds it
   */
  async tryAcquire (): Promise<Held | undefined> {
    // 1. Read the record. Hints about it are only a reason to read.
    const found = await this.#read()
    // 2. Check: a lease that another candidate holds has to expire first.
    const because = found === undefined ? this.#reasonToCreate() : this.#reasonToTake(found)
    if (because === undefined) return undefined
    // 3. Write, with the version that was read. Of all candidates that try, one succeeds.
    const record = taken(this.#seen?.record, this.identity, this.#leaseDurationSeconds, this.#options.clock.date())
    const held = await (found === undefined ? this.#create(record, because) : this.#update(record, because))
    this.#challenged = undefined
    return held
  }

  /**
   * Renews the lease. For the leader; client-go's tryAcquireOrRenew.
   * @returns undefined when the record names another holder, or none
   */
  async tryRenew (): Promise<Held | undefined> {
    // 1. Normally no other candidate has written: present the version of the last write, without reading first.
    if (this.#version !== undefined && this.holder === this.identity) {
      try {
        return await this.#renew()
      } catch (error) {
        const { reason } = LeaseStoreError.from(error)
        if (reason !== 'conflict' && reason !== 'not-found') throw error
      }
    }
    // 2. Another write came first, or the outcome of the last write is unknown: only a read can tell.
    const mine = this.#seen?.record
    const found = await this.#read()
    // 3. Deleted: create it again, with its count.
    if (found === undefined) {
      return this.#create(taken(mine, this.identity, this.#leaseDurationSeconds, this.#options.clock.date()), 'own')
    }
    // 4. Still ours: renew it, with the version just read. Reading our name alone renews nothing.
    return found.holderIdentity === this.identity ? this.#renew() : undefined
  }

  /** Releases the lease. @returns false when it was not ours any more */
  async tryRelease (): Promise<boolean> {
    const record = this.#version === undefined ? await this.#read() : this.#seen?.record
    if (record?.holderIdentity !== this.identity) return false
    await this.#update(released(record, this.#options.clock.date()), 'own')
    return true
  }

  /**
   * Takes a hint of the watch. A hint can cause an earlier read, or a longer wait for a holder that has renewed. The lease is never
   * taken or given up because of a hint alone.
   * @returns whether to read the record now
   */
  onHint (hint: LeaderElectionRecord | undefined): boolean {
    // Reacting to the watch events of our own renewals would cause a renewal loop.
    if (hint === undefined) return this.holder !== this.identity
    if (hint.holderIdentity !== this.#seen?.record.holderIdentity) return true
    if (hint.holderIdentity !== this.identity) this.#see(hint)
    return false
  }

  /** From now on `holder` counts as dead, and no other holder does. */
  challenge (holder: string): void {
    this.#challenged = holder
  }

  /**
   * Deleting the record does not stop its holder, which may be another one by now than the one that was seen. The holder creates the
   * record again at its next renewal, and has as long for that as for a renewal.
   */
  #reasonToCreate (): TakenBecause | undefined {
    if (this.#seen === undefined || this.#hasRunOut()) return 'created'
    return this.#challenged !== undefined && this.#challenged === this.holder ? 'challenged' : undefined
  }

  #reasonToTake (record: LeaderElectionRecord): TakenBecause | undefined {
    const { holderIdentity } = record
    if (holderIdentity === '') return 'free'
    if (holderIdentity === this.identity) return 'own'
    if (holderIdentity === this.#challenged) return 'challenged'
    if (this.#challenged !== undefined) {
      this.#options.onEvent({ type: 'challenge-void', holder: this.#challenged, found: holderIdentity })
      this.#challenged = undefined
    }
    return this.#hasRunOut() ? 'expired' : undefined
  }

  #hasRunOut (): boolean {
    return this.#leftMs() <= 0
  }

  /** On our clock. The duration in the record counts, not ours: the holder promises to have stopped by then. */
  #leftMs (): number {
    if (this.#seen === undefined) return 0
    const { record: { leaseDurationSeconds }, at, gone } = this.#seen
    const { leaseDurationMs, clock } = this.#options
    const promisedMs = leaseDurationSeconds * 1_000 || leaseDurationMs
    return at + (gone ? Math.max(promisedMs, leaseDurationMs) : promisedMs) - clock.now()
  }

  #see (record: LeaderElectionRecord): void {
    const last = this.#seen?.record
    if (this.#seen !== undefined && !this.#seen.gone && sameRecord(this.#seen.record, record)) return
    this.#seen = { record, at: this.#options.clock.now(), gone: false }
    if (last?.holderIdentity !== record.holderIdentity) {
      this.#options.onEvent({ type: 'holder-changed', holder: this.holder, transitions: record.leaseTransitions })
    }
  }

  async #read (): Promise<LeaderElectionRecord | undefined> {
    const { store, onEvent } = this.#options
    try {
      const { record, version, problems } = await this.#request('reading', (options) => store.get(options))
      const changed = this.#seen === undefined || !sameRecord(this.#seen.record, record)
      if (changed && problems.length > 0) onEvent({ type: 'malformed-record', problems })
      this.#see(record)
      this.#version = version
      this.#inDoubt = false
      return record
    } catch (error) {
      if (LeaseStoreError.from(error).reason !== 'not-found') throw error
      if (this.#seen?.gone === false) this.#seen = { ...this.#seen, at: this.#options.clock.now(), gone: true }
      this.#version = undefined
      this.#inDoubt = false
      return undefined
    }
  }

  #renew (): Promise<Held> {
    const record = this.#seen?.record
    if (record === undefined) throw new Error('expected a record that was seen before its renewal, found none')
    return this.#update(renewed(record, this.#leaseDurationSeconds, this.#options.clock.date()), 'own')
  }

  #create (record: LeaderElectionRecord, because: TakenBecause): Promise<Held> {
    return this.#write(because, 'creating', (options) => this.#options.store.create(record, options))
  }

  #update (record: LeaderElectionRecord, because: TakenBecause): Promise<Held> {
    const version = this.#version
    return this.#write(because, 'updating', (options) => this.#options.store.update(record, version, options))
  }

  async #write (
    because: TakenBecause, what: string, send: (options: StoreRequest) => Promise<LeaseSnapshot>
  ): Promise<Held> {
    const { clock } = this.#options
    const sentAt = clock.now()
    // Until the write is confirmed, the known version may be wrong.
    this.#version = undefined
    this.#inDoubt = true
    try {
      const { record, version } = await this.#request(what, send)
      this.#see(record)
      this.#version = version
      this.#inDoubt = false
      return { sentAt, because, transitions: record.leaseTransitions, durationMs: clock.now() - sentAt }
    } catch (error) {
      // Every answer other than a timeout says that nothing was written.
      this.#inDoubt = LeaseStoreError.from(error).reason === 'unavailable'
      throw error
    }
  }

  #request<Reply> (what: string, call: (options: StoreRequest) => Promise<Reply>): Promise<Reply> {
    const { clock, requestTimeoutMs, store } = this.#options
    return request(clock, requestTimeoutMs, `${what} ${store.description}`, call)
  }
}
