import { ElectorConfigError } from './errors.ts'
import { MAX_LEASE_DURATION_SECONDS } from './record.ts'

/** A standby adds up to this part of a retry period to its wait, so that standbys do not poll in lockstep (client-go's value). */
export const JITTER_FACTOR = 1.2

export interface Timings {
  /** A standby takes the lease when it has not seen it change for this long. Whole seconds, because the record holds whole seconds. */
  leaseDurationMs: number
  /**
   * A leader goes on for this long without a renewal. The rest of the lease duration is its time to stop. A standby's clock may
   * run `leaseDurationMs / renewDeadlineMs` times as fast as the leader's.
   */
  renewDeadlineMs: number
  /** The pause between two renewals, and the shortest pause between two polls of a standby. */
  retryPeriodMs: number
  /** The timeout of one request to the store. */
  requestTimeoutMs: number
}

/** client-go's values, with room for three requests within the renew deadline. */
export const DEFAULT_TIMINGS = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000
} satisfies Partial<Timings>

/** @throws ElectorConfigError that lists every relation that does not hold, with the numbers */
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
