import type { EffectRow, OrderRow } from '../final-state.ts'
import type { Invariant } from '../invariant.ts'

export const effectivelyOnce: Invariant = {
  id: 'I9',
  title: 'every event in the topic took effect exactly once',
  check (ledger, findings) {
    const { final, firstCopies, inbox, undoneOrders } = ledger
    const effects = new Map<string, EffectRow[]>()
    for (const row of final.effects) {
      const rows = effects.get(row.event)
      if (rows === undefined) effects.set(row.event, [row])
      else rows.push(row)
    }
    const newest = new Map<string, OrderRow>()
    for (const [event, row] of firstCopies) {
      if (ledger.isPutAside(row)) continue
      const found = effects.get(event) ?? []
      const stored = ledger.committed(event)
      // A version that a restore threw away was given again: the first of the two took effect, and the other one is too old.
      if (found.length === 0 && row.order !== undefined && undoneOrders.has(row.order) && (row.version ?? 0) <= (newest.get(row.order)?.version ?? 0)) {
        findings.explained++
        if (!inbox.has(event)) findings.violation({ problem: 'not in the inbox', record: row })
        continue
      }
      findings.expect(found.length === 1 && found[0]?.order === row.order && found[0]?.version === row.version &&
        (stored === undefined || found[0]?.status === stored.status), () => ({
        problem: found.length === 0 ? 'no effect' : found.length > 1 ? 'more than one effect' : 'another effect', record: row, effects: found
      }))
      if (!inbox.has(event)) findings.violation({ problem: 'not in the inbox', record: row })
      const [effect] = found
      if (effect !== undefined && effect.version > (newest.get(effect.order)?.version ?? 0)) newest.set(effect.order, effect)
    }
    for (const [event, rows] of effects) {
      if (!firstCopies.has(event)) findings.violation({ problem: 'an effect without a record in the topic', effects: rows })
    }
    if (inbox.size !== final.inbox.length) findings.violation({ problem: 'an event is in the inbox twice', rows: final.inbox.length, events: inbox.size })
    findings.expect(final.effectsCounted === final.effects.length, () => ({
      problem: 'the count of the consumer differs', counted: final.effectsCounted, effects: final.effects.length
    }))
    for (const view of final.views) {
      const expected = newest.get(view.order)
      findings.expect(expected?.version === view.version && expected.status === view.status, () => ({
        problem: 'the read model differs from the events', view, expected
      }))
    }
    if (final.views.length !== newest.size) findings.violation({ problem: 'orders are missing in the read model', expected: newest.size, found: final.views.length })
  }
}
