/** A violated property, with the rows that show it. */
export type Violation = Readonly<Record<string, unknown>> & { problem: string }

/** `not checked`: the run had nothing to check, so it shows nothing. */
export type VerdictResult = 'holds' | 'broken' | 'not checked'

export interface Verdict {
  /** I1, I2, … as docs/guarantees.md lists them. */
  invariant: string
  title: string
  result: VerdictResult
  /** How many things were checked. */
  checked: number
  violations: number
  /** The first of them. */
  examples: readonly Violation[]
  /** Differences that a restore or a copied database explains: counted, but no violations. */
  explained: number
}

const MAX_EXAMPLES = 10

/** Collects the results of one invariant. */
export class Findings {
  checked = 0
  violations = 0
  explained = 0
  readonly examples: Violation[] = []

  get result (): VerdictResult {
    if (this.violations > 0) return 'broken'
    return this.checked > 0 ? 'holds' : 'not checked'
  }

  /** Counts one check. `broken` describes the violation, and is called only if `holds` is false. */
  expect (holds: boolean, broken: () => Violation): void {
    this.checked++
    if (!holds) this.violation(broken())
  }

  violation (violation: Violation): void {
    this.violations++
    if (this.examples.length < MAX_EXAMPLES) this.examples.push(violation)
  }
}
