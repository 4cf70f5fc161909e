import type { Invariant } from '../invariant.ts'

/** Checks the events that are in Postgres at the end, also those that a restore brought back, but not those it threw away. */
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
    const left = new Set(final.copies.flatMap(({ left }) => left))
    for (const row of final.copiedEvents) {
      findings.expect(firstCopies.has(row.event) || left.has(row.event), () => ({ problem: 'lost by the relay of a copied database', ...row }))
    }
  }
}
