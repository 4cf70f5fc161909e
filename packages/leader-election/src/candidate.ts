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

/** The lease is ours. */
export interface Held {
  /** When the request that proves it was sent, not when it was answered: others may count from any moment in between. */
  sentAt: number
  because: TakenBecause
  transitions: number
  durationMs: number
}

/**
 * One candidate's dealings with the record: a single attempt at a time to take, renew or release it. Every write presents
 * the version that was last read, so that no two candidates replace the same record.
 *
 * A holder is alive for the lease duration that the record gives, from the moment at which *we saw the record change* on
 * *our* clock. The times in the record come from a clock that we know nothing about.
 */
export class Candidate {
  readonly identity: string
  readonly #options: CandidateOptions
  readonly #leaseDurationSeconds: number
  /** What the lease was when it was last seen to change, and when that was; `gone`: deleted since. */
  #seen: { record: LeaderElectionRecord, at: number, gone: boolean } | undefined
  /** Of the record that we read or wrote last; undefined: it has to be read before the next write. */
  #version: unknown
  /** A write was sent and its outcome is not known. */
  #inDoubt = false
  #challenged: string | undefined

  constructor (options: CandidateOptions) {
    this.identity = options.identity
    this.#options = options
    this.#leaseDurationSeconds = options.leaseDurationMs / 1_000
  }

  /** Who was last seen to hold the lease. */
  get holder (): string | undefined {
    return this.#seen?.record.holderIdentity || undefined
  }

  /** Whether there may be something to release. */
  get mayHold (): boolean {
    return this.#inDoubt || this.holder === this.identity
  }

  /** Until the lease runs out, if it has not: when a standby should look again. */
  get expiresInMs (): number | undefined {
    const leftMs = this.#leftMs()
    return leftMs > 0 ? leftMs : undefined
  }

  /**
   * Takes the lease if it may be taken. client-go's tryAcquireOrRenew, for who does not lead.
   * @returns undefined while somebody else holds it
   */
  async tryAcquire (): Promise<Held | undefined> {
    // 1. Read the record. All that was heard about it before is only a reason to look.
    const found = await this.#read()
    // 2. May we? A lease that somebody else holds has to run out first.
    const because = found === undefined ? this.#reasonToCreate() : this.#reasonToTake(found)
    if (because === undefined) return undefined
    // 3. Write, against the version read. Of all who try, one succeeds.
    const record = taken(this.#seen?.record, this.identity, this.#leaseDurationSeconds, this.#options.clock.date())
    const held = await (found === undefined ? this.#create(record, because) : this.#update(record, because))
    this.#challenged = undefined
    return held
  }

  /**
   * Tells that we are alive. client-go's tryAcquireOrRenew, for who leads.
   * @returns undefined when the record names somebody else, or nobody
   */
  async tryRenew (): Promise<Held | undefined> {
    // 1. Nobody else should have written: present the version of our last write, without reading first.
    if (this.#version !== undefined && this.holder === this.identity) {
      try {
        return await this.#renew()
      } catch (error) {
        const { reason } = LeaseStoreError.from(error)
        if (reason !== 'conflict' && reason !== 'not-found') throw error
      }
    }
    // 2. Somebody wrote, or our own last write is in doubt: only reading tells.
    const mine = this.#seen?.record
    const found = await this.#read()
    // 3. Deleted: make it again, with its count.
    if (found === undefined) {
      return this.#create(taken(mine, this.identity, this.#leaseDurationSeconds, this.#options.clock.date()), 'own')
    }
    // 4. Still ours: renew it, against the version just read. Having read our name renews nothing.
    return found.holderIdentity === this.identity ? this.#renew() : undefined
  }

  /** Gives the lease up. @returns false when it was not ours any more */
  async tryRelease (): Promise<boolean> {
    const record = this.#version === undefined ? await this.#read() : this.#seen?.record
    if (record?.holderIdentity !== this.identity) return false
    await this.#update(released(record, this.#options.clock.date()), 'own')
    return true
  }

  /**
   * Takes note of what a watch reports. A hint can make us look sooner, or let us wait longer for a holder who has given a
   * sign of life; nothing is ever taken or given up because of it.
   * @returns whether to look now
   */
  heed (hint: LeaderElectionRecord | undefined): boolean {
    // A holder who looked at every rumour would answer the echo of its own renewals with renewals.
    if (hint === undefined) return this.holder !== this.identity
    if (hint.holderIdentity !== this.#seen?.record.holderIdentity) return true
    if (hint.holderIdentity !== this.identity) this.#see(hint)
    return false
  }

  /** From now on `holder`, and nobody else, counts as dead. */
  challenge (holder: string): void {
    this.#challenged = holder
  }

  /**
   * Whoever deletes a record does not stop its holder, who may be another one by now than the one we saw. It makes the record
   * again when it renews, and has as long for that as for a renewal.
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

  /** On our clock. The holder's own duration counts, not ours: it is the holder's promise to have stopped by then. */
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
    // Whatever comes back but a confirmation, the version that we know may be the wrong one from here on.
    this.#version = undefined
    this.#inDoubt = true
    try {
      const { record, version } = await this.#request(what, send)
      this.#see(record)
      this.#version = version
      this.#inDoubt = false
      return { sentAt, because, transitions: record.leaseTransitions, durationMs: clock.now() - sentAt }
    } catch (error) {
      // Every answer but silence says that nothing was written.
      this.#inDoubt = LeaseStoreError.from(error).reason === 'unavailable'
      throw error
    }
  }

  #request<Reply> (what: string, call: (options: StoreRequest) => Promise<Reply>): Promise<Reply> {
    const { clock, requestTimeoutMs, store } = this.#options
    return request(clock, requestTimeoutMs, `${what} ${store.description}`, call)
  }
}
