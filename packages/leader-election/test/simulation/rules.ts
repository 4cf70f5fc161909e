export const TIMINGS = { leaseDurationMs: 6_000, renewDeadlineMs: 4_000, retryPeriodMs: 800, requestTimeoutMs: 1_200 }

/** The rules of one run. */
export interface Rules {
  timings: typeof TIMINGS
  /** The work has a fence: leaders go on while the store is unreachable, and challenges may be wrong. */
  fenced: boolean
  clockRateRatio: number
  /** How long work takes to stop at most. */
  windDownMs: number
}
