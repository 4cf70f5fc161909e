import type { Invariant } from '../invariant.ts'

export const offsets: Invariant = {
  id: 'I12',
  title: 'offsets are committed after the effect, never before',
  check (ledger, findings) {
    const { final, inbox } = ledger
    const committed = new Map(final.offsets.map(({ partition, offset }) => [partition, offset]))
    for (const row of final.topic) {
      if (row.offset >= (committed.get(row.partition) ?? 0)) continue
      findings.expect((row.event !== undefined && inbox.has(row.event)) || ledger.isPutAside(row), () => ({
        problem: 'its offset is committed, but it was neither applied nor became a dead letter', ...row, committed: committed.get(row.partition)
      }))
    }
  }
}
