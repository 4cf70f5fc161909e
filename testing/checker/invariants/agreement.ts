import type { Invariant } from '../invariant.ts'

/** Our reader is a part of what is proved: when it leaves something out, nothing else would notice. */
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
