import type { Invariant } from '../invariant.ts'

export const poison: Invariant = {
  id: 'I13',
  title: 'a record that cannot be processed becomes a dead letter, and stops its own order at most',
  check (ledger, findings) {
    const { final, firstCopies, inbox } = ledger
    for (const row of final.topic) {
      findings.expect((row.event !== undefined && inbox.has(row.event)) || ledger.isPutAside(row), () => ({
        problem: 'neither applied nor a dead letter', ...row
      }))
    }
    for (const { order, version, blocking, replayed, event } of final.deadLetters) {
      const successors = ledger.eventsOf(order).filter((row) => row.version > version && firstCopies.has(row.event))
      findings.expect(!blocking || replayed || successors.length === 0, () => ({
        problem: 'a later event of the order passed its dead letter', order, version, event, successors
      }))
      if (ledger.description.refused === 'block' && !blocking) {
        findings.violation({ problem: 'a dead letter that does not block, though RELAY_REFUSED is block', order, version, event })
      }
    }
    const outbox = new Set(final.outbox)
    for (const row of final.enqueued) {
      if (outbox.has(row.id) && !ledger.isHeldBack(row)) findings.violation({ problem: 'waits in the outbox without a reason', ...row })
    }
  }
}
