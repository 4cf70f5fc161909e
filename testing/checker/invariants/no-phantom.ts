import type { Invariant } from '../invariant.ts'

export const noPhantom: Invariant = {
  id: 'I4',
  title: 'nothing is in the topic that was not committed',
  check (ledger, findings) {
    const { operations, answers, firstCopies, undone } = ledger
    for (const [event, row] of firstCopies) {
      if (undone.has(event)) findings.explained++
      findings.expect(ledger.committed(event) !== undefined, () => ({ problem: 'in the topic, and never committed', ...row }))
    }
    for (const { outcome, key, f } of operations) {
      if (outcome !== 'fail' || key === undefined) continue
      findings.expect(!answers.has(key), () => ({ problem: 'refused, and carried out', f, key, stored: answers.get(key) }))
    }
  }
}
