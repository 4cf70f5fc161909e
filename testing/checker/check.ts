import type { Invariant } from './invariant.ts'
import { accountability } from './invariants/accountability.ts'
import { agreement } from './invariants/agreement.ts'
import { atomicity } from './invariants/atomicity.ts'
import { answers } from './invariants/answers.ts'
import { boundedDuplicates } from './invariants/bounded-duplicates.ts'
import { durability } from './invariants/durability.ts'
import { effectivelyOnce } from './invariants/effectively-once.ts'
import { fence } from './invariants/fence.ts'
import { hygiene } from './invariants/hygiene.ts'
import { independence } from './invariants/independence.ts'
import { integrity } from './invariants/integrity.ts'
import { noLoss } from './invariants/no-loss.ts'
import { noPhantom } from './invariants/no-phantom.ts'
import { offsets } from './invariants/offsets.ts'
import { oneAtATime } from './invariants/one-at-a-time.ts'
import { order } from './invariants/order.ts'
import { partitionStability } from './invariants/partition-stability.ts'
import { poison } from './invariants/poison.ts'
import { recovery } from './invariants/recovery.ts'
import { Ledger } from './ledger.ts'
import type { Run } from './run.ts'
import { Findings, type Verdict } from './verdict.ts'

export const INVARIANTS: readonly Invariant[] = [
  durability, atomicity, noLoss, noPhantom, integrity, partitionStability, order, boundedDuplicates, effectivelyOnce, fence,
  oneAtATime, offsets, poison, independence, recovery, hygiene, accountability, answers, agreement
]

/** Checks every invariant of a run. A pure function of the recorded run; it knows no server and no service. */
export function check (run: Run): Verdict[] {
  const ledger = new Ledger(run)
  return INVARIANTS.map(({ id, title, check }) => {
    const findings = new Findings()
    check(ledger, findings)
    const { result, checked, violations, examples, explained } = findings
    return { invariant: id, title, result, checked, violations, examples, explained }
  })
}

/** The invariants that did not hold. */
export function broken (verdicts: readonly Verdict[]): string[] {
  return verdicts.filter(({ result }) => result === 'broken').map(({ invariant }) => invariant)
}

/** The invariants that had nothing to check: the run does not show that they hold. */
export function unchecked (verdicts: readonly Verdict[]): string[] {
  return verdicts.filter(({ result }) => result === 'not checked').map(({ invariant }) => invariant)
}
