/** Settings that cannot keep two leaders apart, or that no store accepts, with the numbers. */
export class ElectorConfigError extends Error {
  readonly code = 'ELECTOR_CONFIG'
  readonly problems: readonly string[]

  constructor (problems: readonly string[]) {
    super(`leader election cannot work with these settings: ${problems.join('; ')}`)
    this.name = 'ElectorConfigError'
    this.problems = problems
  }
}

export type TermEnd =
  /** The signal of `run` was aborted. The lease is kept until the work has ended. */
  | 'stopping'
  /** The lease could not be renewed within the renew deadline: another candidate may take it soon. */
  | 'not-renewed'
  /** The record names another holder, or none. */
  | 'superseded'
  /** The work has ended by itself. */
  | 'work-ended'

/** The term is over; the reason of its signal. */
export class TermEndedError extends Error {
  readonly code = 'TERM_ENDED'
  readonly reason: TermEnd

  constructor (reason: TermEnd, detail: string) {
    super(`the term is over (${reason}): ${detail}`)
    this.name = 'TermEndedError'
    this.reason = reason
  }
}
