import { randomUUID } from 'node:crypto'
import { Alarm } from './alarm.ts'
import { Candidate, type Held } from './candidate.ts'
import { sleep, SystemClock, type Clock } from './clock.ts'
import { checkTimings, JITTER_FACTOR, type Timings } from './config.ts'
import { ElectorConfigError, type TermEndedError } from './errors.ts'
import type { ElectorEvent, ElectorEventListener } from './events.ts'
import { LeaseStoreError, type LeaseStore } from './store.ts'
import { HeldTerm, type LeaseTerm } from './term.ts'

/** The limit of a pod's name. */
const MAX_IDENTITY_LENGTH = 253

export interface ElectorOptions extends Partial<Timings> {
  store: LeaseStore
  /** The name of this process, for people: a pod's name. A random part is added, because a restarted container has the same pod name. */
  identity: string
  /**
   * Only for work that has a fence of its own, so that two leaders at a time do no harm. If the store cannot be *reached* until the
   * renew deadline, the term goes on. It ends as soon as the store shows another holder. A store that answers and refuses renewals ends
   * the term at the deadline as usual.
   */
  keepLeadingWhileUnreachable?: boolean
  onEvent?: ElectorEventListener
  clock?: Clock
  /** From 0 up to 1, like Math.random. */
  random?: () => number
}

/** The work of the leader. It has to end soon after `term.signal` is aborted. */
export type Lead = (term: LeaseTerm) => Promise<void>

export interface RunOptions {
  /** Ends everything: the term, then the lease, then `run`. */
  signal: AbortSignal
  lead: Lead
}

export type Health = { healthy: true } | { healthy: false, reason: string }

/**
 * Elects one leader among all processes that share a record, after client-go's tools/leaderelection.
 *
 * It does not guarantee that there is only one leader at any time: a process that was frozen, or whose clock runs much slower than
 * the others', may still work when the next leader starts. Work that must not be done twice needs a fence of its own. Only the rate of
 * the clocks matters, not their date: a standby's clock may run `leaseDurationMs / renewDeadlineMs` times as fast as the leader's.
 */
export class LeaderElector {
  readonly identity: string
  readonly #timings: Timings
  readonly #store: LeaseStore
  readonly #clock: Clock
  readonly #random: () => number
  readonly #keepLeading: boolean
  readonly #candidate: Candidate
  readonly #alarm: Alarm
  readonly #onEvent: ElectorEventListener
  #term: HeldTerm | undefined
  #running = false
  #storeReachable = true

  /** @throws ElectorConfigError */
  constructor (options: ElectorOptions) {
    const { store, identity, clock = new SystemClock(), random = Math.random, onEvent = () => {}, keepLeadingWhileUnreachable = false, ...timings } = options
    if (identity === '' || identity.length > MAX_IDENTITY_LENGTH) {
      throw new ElectorConfigError([`identity must have 1 to ${MAX_IDENTITY_LENGTH} characters, found ${identity.length}`])
    }
    this.identity = `${identity}_${randomUUID()}`
    this.#timings = checkTimings(timings)
    this.#store = store
    this.#clock = clock
    this.#random = random
    this.#keepLeading = keepLeadingWhileUnreachable
    this.#onEvent = onEvent
    this.#alarm = new Alarm(clock)
    this.#candidate = new Candidate({
      identity: this.identity, store, clock, onEvent: (event) => { this.#emit(event) }, ...this.#timings
    })
  }

  /** Whether this elector leads. */
  get isLeading (): boolean {
    const term = this.#term
    return term !== undefined && term.endedForMs === undefined && (this.#keepLeading || !term.overdue)
  }

  /** The holder that was seen last, possibly this elector; undefined: none. */
  get holder (): string | undefined {
    return this.#candidate.holder
  }

  /** Whether the store answered the last request, also with a refusal. */
  get storeReachable (): boolean {
    return this.#storeReachable
  }

  /**
   * Competes for the lease until `signal` is aborted, and calls `lead` each time that it has won it. When `lead` settles, the lease is
   * released and the other candidates get a chance. Resolves after the last work has ended and the release has succeeded or failed.
   */
  async run ({ signal, lead }: RunOptions): Promise<void> {
    if (this.#running) throw new Error('expected run() to be called once at a time, found a call that has not ended')
    const watch = this.#store.watch({
      onHint: (record) => { if (this.#candidate.onHint(record)) this.#alarm.ring() },
      onError: (error) => { this.#emit({ type: 'watch-failed', error }) }
    })
    this.#running = true
    const stop = () => {
      if (this.#term === undefined) this.#alarm.ring()
      else this.#term.end('stopping', 'run() was asked to stop')
    }
    signal.addEventListener('abort', stop)
    try {
      while (!signal.aborted) {
        const held = await this.#acquire(signal)
        // Aborted in this moment, before there was a term to end.
        const gaveUp = held !== undefined && !signal.aborted && await this.#lead(held, lead)
        await this.#release()
        // The work ended by itself: the other candidates go first.
        if (gaveUp) await sleep(this.#clock, this.#standbyPauseMs(), signal)
      }
    } finally {
      signal.removeEventListener('abort', stop)
      await watch.close()
      this.#running = false
    }
  }

  /**
   * For a standby with proof from elsewhere that `holder` is dead: takes the lease at once, before it expires. Does nothing if the lease
   * has another holder by now, or if this elector leads.
   *
   * Only for work that has a fence of its own: a proof can be wrong, and then two lead until the former leader reads the lease.
   */
  challenge (holder: string): void {
    if (this.isLeading) return
    this.#candidate.challenge(holder)
    this.#alarm.ring()
  }

  /** Unhealthy: a leader whose term is over and whose work does not stop. Only a restart of the process helps. */
  health (): Health {
    const { leaseDurationMs } = this.#timings
    const term = this.#term
    if (term === undefined) return { healthy: true }
    const { endedForMs, unconfirmedMs } = term
    if (endedForMs !== undefined && endedForMs > leaseDurationMs) {
      return { healthy: false, reason: `the term ended ${Math.round(endedForMs)} ms ago, and its work has not` }
    }
    if (endedForMs === undefined && unconfirmedMs > leaseDurationMs && !this.#keepLeading) {
      return { healthy: false, reason: `leading, and not renewed for ${Math.round(unconfirmedMs)} ms` }
    }
    return { healthy: true }
  }

  /** @returns undefined when `stop` was aborted */
  async #acquire (stop: AbortSignal): Promise<Held | undefined> {
    const { renewDeadlineMs } = this.#timings
    for (let racesLost = 0; !stop.aborted;) {
      const { held, failure } = await this.#attempt(() => this.#candidate.tryAcquire())
      // If the process was frozen meanwhile, the request is too old to prove anything. The next attempt finds that the lease is ours.
      if (held !== undefined && !stop.aborted && this.#clock.now() - held.sentAt < renewDeadlineMs) return held
      // After a lost race, read at once: the winning write may be the last one of a holder that is dead by now.
      racesLost = failure?.reason === 'conflict' ? racesLost + 1 : 0
      if (held !== undefined || racesLost === 1) continue
      // A store that answers every request with a conflict must not get a storm of requests.
      await this.#alarm.sleep(Math.min(this.#standbyPauseMs(), this.#candidate.expiresInMs ?? Infinity))
    }
    return undefined
  }

  /** @returns whether the work ended by itself */
  async #lead (held: Held, lead: Lead): Promise<boolean> {
    const term = this.#beginTerm(held)
    const work = this.#work(term, lead)
    // A term that was told to end renews the lease until its work has ended. A lost term cannot.
    let pauseMs = this.#timings.retryPeriodMs
    while (term.needsRenewal) {
      await this.#alarm.sleep(pauseMs)
      term.checkDeadline()
      if (term.needsRenewal) pauseMs = await this.#renew(term)
    }
    await work
    this.#term = undefined
    return (term.signal.reason as TermEndedError).reason === 'work-ended'
  }

  #beginTerm ({ sentAt, transitions, because, durationMs }: Held): HeldTerm {
    const term: HeldTerm = new HeldTerm({
      clock: this.#clock,
      renewDeadlineMs: this.#timings.renewDeadlineMs,
      sentAt,
      transitions,
      onDeadline: () => {
        if (!this.#keepLeading) term.lose('not-renewed', this.#silence(term))
        this.#alarm.ring()
      },
      onEnd: (reason, detail) => { this.#emit({ type: 'term-ended', reason, detail }) }
    })
    this.#term = term
    this.#emit({ type: 'acquired', because, transitions, durationMs })
    return term
  }

  async #work (term: HeldTerm, lead: Lead): Promise<void> {
    try {
      // The event listener can end the term before the work begins. Work that only listens for an abort would miss that.
      if (!term.signal.aborted) await lead(term)
    } catch (error) {
      // Work that is aborted may rethrow the reason.
      if (!term.signal.aborted || (error !== term.signal.reason && (error as Error | null)?.name !== 'AbortError')) {
        this.#emit({ type: 'work-failed', error })
      }
    }
    term.settle()
    this.#emit({ type: 'work-ended', afterMs: term.endedForMs ?? 0 })
    this.#alarm.ring()
  }

  /** @returns how long to wait before the next renewal */
  async #renew (term: HeldTerm): Promise<number> {
    const { retryPeriodMs } = this.#timings
    const startedAt = this.#clock.now()
    const { held, failure } = await this.#attempt(() => this.#candidate.tryRenew())
    if (held !== undefined) {
      this.#emit({ type: 'renewed', durationMs: held.durationMs })
      term.confirm(held.sentAt)
    } else if (failure === undefined) {
      term.lose('superseded', `${this.#store.description} is held by ${this.holder ?? 'no candidate'}`)
    } else if (term.overdue) {
      const refused = failure.reason === 'forbidden' || failure.reason === 'refused'
      if (this.#keepLeading && !refused) this.#emit({ type: 'leading-unconfirmed', sinceMs: term.unconfirmedMs })
      else term.lose('not-renewed', this.#silence(term))
    }
    const periodMs = failure === undefined ? retryPeriodMs : retryPeriodMs * (1 + this.#random()) / 2
    // From start to start: the time of a slow request counts as pause.
    return Math.max(0, periodMs - (this.#clock.now() - startedAt))
  }

  /** Retries until the store has answered, for one request timeout at most: the lease expires anyway. */
  async #release (): Promise<void> {
    const { requestTimeoutMs, retryPeriodMs } = this.#timings
    const startedAt = this.#clock.now()
    for (let racesLost = 0; this.#candidate.mayHold;) {
      try {
        if (await this.#candidate.tryRelease()) this.#emit({ type: 'released', durationMs: this.#clock.now() - startedAt })
        return
      } catch (cause) {
        const error = LeaseStoreError.from(cause)
        racesLost = error.reason === 'conflict' ? racesLost + 1 : 0
        const pauseMs = racesLost === 1 ? 0 : Math.min(retryPeriodMs, requestTimeoutMs / 2)
        const goesOn = error.reason === 'conflict' || error.reason === 'unavailable'
        if (!goesOn || this.#clock.now() + pauseMs - startedAt >= requestTimeoutMs) {
          this.#emit({ type: 'release-failed', error })
          return
        }
        await sleep(this.#clock, pauseMs)
      }
    }
  }

  /** Neither held nor failure: another candidate holds the lease. */
  async #attempt (attempt: () => Promise<Held | undefined>): Promise<{ held?: Held | undefined, failure?: LeaseStoreError }> {
    try {
      const held = await attempt()
      this.#storeReachable = true
      return { held }
    } catch (cause) {
      const failure = LeaseStoreError.from(cause)
      this.#storeReachable = failure.reason !== 'unavailable'
      this.#emit({ type: 'attempt-failed', leading: this.#term !== undefined, error: failure })
      return { failure }
    }
  }

  #standbyPauseMs (): number {
    return this.#timings.retryPeriodMs * (1 + this.#random() * JITTER_FACTOR)
  }

  #silence (term: HeldTerm): string {
    return `no renewal of ${this.#store.description} was confirmed for ${Math.round(term.unconfirmedMs)} ms (renewDeadlineMs: ${this.#timings.renewDeadlineMs})`
  }

  /** A listener that throws causes an uncaught exception. It must not stop the election halfway through a step. */
  #emit (event: ElectorEvent): void {
    try {
      this.#onEvent(event)
    } catch (error) {
      queueMicrotask(() => { throw error })
    }
  }
}
