import { ElectorConfigError } from './errors.ts'
import { MAX_LEASE_DURATION_SECONDS } from './record.ts'

/** Up to how much of a retry period a standby adds to its wait, so that standbys do not knock in step (client-go's value). */
export const JITTER_FACTOR = 1.2

export interface Timings {
  /** How long a standby waits after the last change that it saw, before it takes the lease. Whole seconds: so the record holds it. */
  leaseDurationMs: number
  /**
   * How long a leader goes on without having renewed. What is left of the lease duration is its time to stop. The ratio
   * of the two is how much faster than the leader's a standby's clock may run.
   */
  renewDeadlineMs: number
  /** The pause between renewals, and the shortest one between two looks of a standby. */
  retryPeriodMs: number
  /** The longest wait for one reply of the store. */
  requestTimeoutMs: number
}

/** client-go's, with room for three requests within the renew deadline. */
export const DEFAULT_TIMINGS = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000
} satisfies Partial<Timings>

/** @throws ElectorConfigError that lists every relation which does not hold, with the numbers */
export function checkTimings (given: Partial<Timings>): Timings {
  const named = { ...DEFAULT_TIMINGS, ...given }
  const problems: string[] = []
  const expect = (holds: boolean, problem: string): void => { if (!holds) problems.push(problem) }

  for (const [name, ms] of Object.entries(named)) {
    expect(Number.isFinite(ms) && ms > 0, `${name} must be a positive number of milliseconds, found ${ms}`)
  }
  if (problems.length > 0) throw new ElectorConfigError(problems)
  const timings = { requestTimeoutMs: named.renewDeadlineMs / 3, ...named }
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs, requestTimeoutMs } = timings
  expect(leaseDurationMs % 1_000 === 0 && leaseDurationMs <= MAX_LEASE_DURATION_SECONDS * 1_000,
    `leaseDurationMs must be whole seconds and at most ${MAX_LEASE_DURATION_SECONDS} of them, found ${leaseDurationMs}`)
  expect(leaseDurationMs > renewDeadlineMs,
    `leaseDurationMs (${leaseDurationMs}) must be greater than renewDeadlineMs (${renewDeadlineMs}): the difference is a leader's time to stop`)
  expect(renewDeadlineMs > retryPeriodMs * JITTER_FACTOR,
    `renewDeadlineMs (${renewDeadlineMs}) must be greater than ${JITTER_FACTOR} × retryPeriodMs (${retryPeriodMs}): a leader needs a second try`)
  expect(renewDeadlineMs > requestTimeoutMs,
    `renewDeadlineMs (${renewDeadlineMs}) must be greater than requestTimeoutMs (${requestTimeoutMs}): one hanging request would end the term`)
  if (problems.length > 0) throw new ElectorConfigError(problems)
  return timings
}
