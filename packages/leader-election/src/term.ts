import type { Clock } from './clock.ts'
import { TermEndedError, type TermEnd } from './errors.ts'

/** From winning the lease until the work under it has ended. The work gets this. */
export interface LeaseTerm {
  /** Aborted with a {@link TermEndedError} when the work has to stop. The lease is not released before it has. */
  readonly signal: AbortSignal
  /** The lease's count of holders at the start of the term. Not a fencing token: after the lease was deleted, the count starts again. */
  readonly transitions: number
  /**
   * To be called before an effect that cannot be undone. It also notices a passed deadline whose timer has not fired yet, because this
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
  /** The renew deadline has passed. Called once, and once more each time that it passes after a later renewal. */
  onDeadline: () => void
  onEnd: (reason: TermEnd, detail: string) => void
}

/** The term, with what only the elector may do with it. */
export class HeldTerm implements LeaseTerm {
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

  /** The lease may belong to another candidate: it must not be renewed any more. */
  get lost (): boolean {
    return this.#lost
  }

  /** The work has not ended, and the lease may still be ours. */
  get needsRenewal (): boolean {
    return !this.#lost && !this.#settled
  }

  /** Since the last confirmed write was sent. */
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

  /** The deadline's timer is late if the process was frozen or the machine suspended, so other code checks too. */
  checkDeadline (): void {
    if (!this.needsRenewal || !this.overdue || this.#deadlineReported) return
    // Once: work that calls assertCurrent before each step must not cause a request at each step.
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
    // A reply that took longer than the deadline confirms nothing.
    this.checkDeadline()
  }

  /** The work has to stop; the lease remains ours. */
  end (reason: TermEnd, detail: string): void {
    if (this.#endedAt !== undefined) return
    this.#endedAt = this.#options.clock.now()
    this.#abort.abort(new TermEndedError(reason, detail))
    this.#options.onEnd(reason, detail)
  }

  /** The work has to stop, and another candidate may have the lease. */
  lose (reason: TermEnd, detail: string): void {
    this.#lost = true
    this.#cancelDeadline()
    this.end(reason, detail)
  }

  /** The work has stopped. */
  settle (): void {
    this.#settled = true
    this.#cancelDeadline()
    this.end('work-ended', 'the work ended by itself')
  }

  #armDeadline (): () => void {
    const { clock, renewDeadlineMs } = this.#options
    return clock.setTimer(renewDeadlineMs - this.unconfirmedMs, () => {
      // A timer can fire a fraction of a millisecond early. Without a new one the deadline would pass unnoticed.
      if (this.needsRenewal && !this.overdue) this.#cancelDeadline = this.#armDeadline()
      else this.checkDeadline()
    })
  }
}
