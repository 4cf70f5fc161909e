import type { Invariant } from '../invariant.ts'

export const durability: Invariant = {
  id: 'I1',
  title: 'every acknowledged change is stored',
  check (ledger, findings) {
    const { operations, orders } = ledger
    for (const operation of operations) {
      const { outcome, order, version = 0, status, key, f } = operation
      if (outcome !== 'ok' || order === undefined) continue
      if (ledger.isUndone(operation)) {
        findings.explained++
        continue
      }
      const stored = orders.get(order)
      const event = ledger.eventsOf(order).find((row) => row.version === version)
      // I2 checks that there is an event at all.
      const kept = stored !== undefined && stored.version >= version && (stored.version > version || stored.status === status)
      findings.expect(kept && (event === undefined || event.status === status), () => ({
        problem: stored === undefined ? 'the order is not there' : 'the change is not there', f, key, order, version, status, stored, event
      }))
    }
  }
}
