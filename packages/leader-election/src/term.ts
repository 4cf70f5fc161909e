import type { Clock } from './clock.ts'
import { TermEndedError, type TermEnd } from './errors.ts'

/** What the guarded work gets. */
export interface Term {
  /** Aborted with a {@link TermEndedError} when the work has to stop. The lease is not released before it has. */
  readonly signal: AbortSignal
  /** The lease's count of holders at the start of the term. No fencing token: whoever deletes the lease starts it again. */
  readonly transitions: number
  /**
   * For the moment before something that cannot be taken back: also notices what no timer could tell yet, because this
   * process was frozen or busy. @throws TermEndedError when the term is over, or should be
   */
  assertCurrent: () => void
}

export interface TermOptions {
  clock: Clock
  renewDeadlineMs: number
  /** When the write that won the lease was sent. */
  sentAt: number
  transitions: number
  /** The renew deadline has passed. Called once, and again after each renewal that was followed by another such silence. */
  onDeadline: () => void
  onEnd: (reason: TermEnd, detail: string) => void
}

/** The time from winning the lease until the guarded work must have stopped. */
export class HeldTerm implements Term {
  readonly transitions: number
  readonly #options: TermOptions
  readonly #abort = new AbortController()
  #confirmedAt: number
  #endedAt: number | undefined
  #lost = false
  #settled = false
  #deadlineReported = false
  #cancelDeadline: () => void

  constructor (options: TermOptions) {
    this.#options = options
    this.transitions = options.transitions
    this.#confirmedAt = options.sentAt
    this.#cancelDeadline = this.#armDeadline()
  }

  get signal (): AbortSignal {
    return this.#abort.signal
  }

  /** The lease is not ours to renew any more. */
  get lost (): boolean {
    return this.#lost
  }

  /** The work is not done and the lease may still be ours: worth another renewal. */
  get needsRenewal (): boolean {
    return !this.#lost && !this.#settled
  }

  /** Since the newest write that the store confirmed was sent. */
  get unconfirmedMs (): number {
    return this.#options.clock.now() - this.#confirmedAt
  }

  get overdue (): boolean {
    return this.unconfirmedMs >= this.#options.renewDeadlineMs
  }

  /** undefined while it lasts. */
  get endedForMs (): number | undefined {
    return this.#endedAt === undefined ? undefined : this.#options.clock.now() - this.#endedAt
  }

  assertCurrent (): void {
    this.checkDeadline()
    this.signal.throwIfAborted()
  }

  /** A timer of a process that was frozen, or of a machine that was suspended, is late: whoever is awake looks for itself. */
  checkDeadline (): void {
    if (!this.needsRenewal || !this.overdue || this.#deadlineReported) return
    // Once: work that asks before each step must not cause a request with each of them.
    this.#deadlineReported = true
    this.#options.onDeadline()
  }

  /** @param sentAt when the renewal was sent */
  confirm (sentAt: number): void {
    if (!this.needsRenewal) return
    this.#confirmedAt = sentAt
    this.#deadlineReported = false
    this.#cancelDeadline()
    this.#cancelDeadline = this.#armDeadline()
    // A reply that was on its way for longer than the deadline confirms nothing.
    this.checkDeadline()
  }

  /** The work shall stop; the lease remains ours. */
  end (reason: TermEnd, detail: string): void {
    if (this.#endedAt !== undefined) return
    this.#endedAt = this.#options.clock.now()
    this.#abort.abort(new TermEndedError(reason, detail))
    this.#options.onEnd(reason, detail)
  }

  /** The work must stop, and the lease may be somebody else's. */
  lose (reason: TermEnd, detail: string): void {
    this.#lost = true
    this.#cancelDeadline()
    this.end(reason, detail)
  }

  /** The work has stopped. */
  settle (): void {
    this.#settled = true
    this.#cancelDeadline()
    this.end('work-ended', 'the guarded work ended by itself')
  }

  #armDeadline (): () => void {
    const { clock, renewDeadlineMs } = this.#options
    return clock.setTimer(renewDeadlineMs - this.unconfirmedMs, () => {
      // A timer that is a fraction of a millisecond early would be the last one.
      if (this.needsRenewal && !this.overdue) this.#cancelDeadline = this.#armDeadline()
      else this.checkDeadline()
    })
  }
}
