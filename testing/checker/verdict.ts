/** One thing that should not be, with what shows it. */
export type Violation = Readonly<Record<string, unknown>> & { problem: string }

/** `not checked`: the run had nothing to look at, so nothing is proved. */
export type VerdictResult = 'holds' | 'broken' | 'not checked'

export interface Verdict {
  /** I1, I2, … as docs/guarantees.md lists them. */
  invariant: string
  title: string
  result: VerdictResult
  /** How many things were looked at. */
  checked: number
  violations: number
  /** The first of them. */
  examples: readonly Violation[]
  /** What was otherwise than in a run without restores, and is explained by one: counted, and no violation. */
  explained: number
}

const MAX_EXAMPLES = 10

/** Collects what one invariant finds. */
export class Findings {
  checked = 0
  violations = 0
  explained = 0
  readonly examples: Violation[] = []

  get result (): VerdictResult {
    if (this.violations > 0) return 'broken'
    return this.checked > 0 ? 'holds' : 'not checked'
  }

  /** Counts one thing looked at; `broken` says what is wrong with it, and is asked only if `holds` is false. */
  expect (holds: boolean, broken: () => Violation): void {
    this.checked++
    if (!holds) this.violation(broken())
  }

  violation (violation: Violation): void {
    this.violations++
    if (this.examples.length < MAX_EXAMPLES) this.examples.push(violation)
  }
}
