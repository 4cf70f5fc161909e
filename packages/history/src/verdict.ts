/** One thing that should not be, with what shows it. */
export type Violation = Readonly<Record<string, unknown>> & { problem: string }

export interface Verdict {
  /** I1, I2, … as docs/guarantees.md lists them. */
  invariant: string
  title: string
  holds: boolean
  /** How many things were looked at: an invariant that looked at nothing proves nothing. */
  checked: number
  violations: number
  /** The first of them. */
  examples: readonly Violation[]
}

const MAX_EXAMPLES = 10

/** Collects what one invariant finds. */
export class Findings {
  checked = 0
  violations = 0
  readonly examples: Violation[] = []

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
