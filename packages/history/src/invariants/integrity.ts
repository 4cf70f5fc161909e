import type { Invariant } from '../invariant.ts'

export const integrity: Invariant = {
  id: 'I5',
  title: 'every copy of an event is the event that was committed',
  check ({ final, enqueued }, findings) {
    for (const row of final.topic) {
      const stored = row.event === undefined ? undefined : enqueued.get(row.event)
      if (stored === undefined) continue
      findings.expect(row.hash === stored.hash && row.order === stored.order && row.version === stored.version, () => ({
        problem: 'the record differs from what was committed', record: row, stored
      }))
    }
  }
}
