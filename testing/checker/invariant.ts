import type { Ledger } from './ledger.ts'
import type { Findings } from './verdict.ts'

/** One thing that has to be true of every run. */
export interface Invariant {
  id: string
  title: string
  check: (ledger: Ledger, findings: Findings) => void
}
