import type { Invariant } from './invariant.ts'
import { atomicity } from './invariants/atomicity.ts'
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
  oneAtATime, offsets, poison, independence, recovery, hygiene
]

/** Decides of a run which invariants held. Reads nothing else, and knows nothing of how the run was made. */
export function check (run: Run): Verdict[] {
  const ledger = new Ledger(run)
  return INVARIANTS.map(({ id, title, check }) => {
    const findings = new Findings()
    check(ledger, findings)
    const { checked, violations, examples } = findings
    return { invariant: id, title, holds: violations === 0, checked, violations, examples }
  })
}

/** The invariants that did not hold. */
export function broken (verdicts: readonly Verdict[]): string[] {
  return verdicts.filter(({ holds }) => !holds).map(({ invariant }) => invariant)
}
