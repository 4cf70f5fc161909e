import type { Invariant } from '../invariant.ts'

export const integrity: Invariant = {
  id: 'I5',
  title: 'every copy of an event is the event that was committed',
  check (ledger, findings) {
    for (const row of ledger.final.topic) {
      const stored = row.event === undefined ? undefined : ledger.committed(row.event)
      if (stored === undefined) continue
      findings.expect(row.hash === stored.hash && row.order === stored.order && row.version === stored.version, () => ({
        problem: 'the record differs from what was committed', record: row, stored
      }))
    }
  }
}
