import type { Invariant } from '../invariant.ts'

/** Without a second reader, a record that ours leaves out would never be noticed. */
export const agreement: Invariant = {
  id: 'I19',
  title: 'Kafka\'s own consumer reads the same records as ours',
  check ({ final: { readers } }, findings) {
    if (readers === undefined) return
    findings.checked = readers.records
    findings.violations = readers.differences
    findings.examples.push(...readers.first.map((difference) => ({ problem: 'the readers differ', difference })))
  }
}
