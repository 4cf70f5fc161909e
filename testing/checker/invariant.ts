import type { Ledger } from './ledger.ts'
import type { Findings } from './verdict.ts'

/** A property that must hold in every run. To add one: its file, its line in check.ts, and a tampered history in check.test.ts. */
export interface Invariant {
  id: string
  title: string
  check: (ledger: Ledger, findings: Findings) => void
}
