import type { Invariant } from '../invariant.ts'

export const noLoss: Invariant = {
  id: 'I3',
  title: 'every committed event is in the topic',
  check (ledger, findings) {
    const { final, firstCopies } = ledger
    const outbox = new Set(final.outbox)
    for (const row of final.enqueued) {
      findings.expect(firstCopies.has(row.event) || ledger.isHeldBack(row), () => ({
        problem: outbox.has(row.id) ? 'still in the outbox' : 'lost', ...row
      }))
    }
  }
}
