import type { Invariant } from '../invariant.ts'

export const noPhantom: Invariant = {
  id: 'I4',
  title: 'nothing is in the topic that was not committed',
  check ({ final, operations, enqueued, firstCopies }, findings) {
    for (const [event, row] of firstCopies) {
      findings.expect(enqueued.has(event), () => ({ problem: 'in the topic, and never committed', ...row }))
    }
    const answers = new Map(final.answers.map((answer) => [answer.key, answer]))
    for (const { outcome, key, f } of operations) {
      if (outcome !== 'fail') continue
      findings.expect(!answers.has(key), () => ({ problem: 'refused, and carried out', f, key, stored: answers.get(key) }))
    }
  }
}
