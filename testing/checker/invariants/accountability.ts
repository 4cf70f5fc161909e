import type { OrderRow } from '../final-state.ts'
import type { Invariant } from '../invariant.ts'

/**
 * Checks the orders and their events, not the stored answers: a service that loses its Idempotency-Keys processes a repeated
 * request twice, and stores nothing that contradicts it.
 */
export const accountability: Invariant = {
  id: 'I17',
  title: 'each order belongs to exactly one create, and each event to one request: ok ≤ events ≤ ok + info',
  check (ledger, findings) {
    const { operations, orders } = ledger
    const byOrigin = new Map<string, OrderRow[]>()
    for (const row of orders.values()) {
      if (row.origin === undefined) continue
      const rows = byOrigin.get(row.origin)
      if (rows === undefined) byOrigin.set(row.origin, [row])
      else rows.push(row)
    }
    const asked = new Set<string>()
    const changes = new Map<string, { ok: number, maybe: number }>()
    for (const operation of operations) {
      const { f, outcome, origin, order, key } = operation
      // Carried out, thrown away, and then carried out once more or not.
      const undone = ledger.undoneAnswers(key).length > 0
      const certain = outcome === 'ok' && !undone
      const possible = outcome !== 'fail' || undone
      if (f === 'create') {
        if (origin === undefined) continue
        asked.add(origin)
        const made = byOrigin.get(origin) ?? []
        findings.expect(made.length <= (possible ? 1 : 0) && made.length >= (certain ? 1 : 0), () => ({
          problem: made.length > 1 ? 'one create, more than one order' : made.length === 0 ? 'a create without its order' : 'refused, and the order is there', outcome, origin, key, order, made
        }))
      } else if (order !== undefined && possible) {
        const count = changes.get(order) ?? { ok: 0, maybe: 0 }
        changes.set(order, count)
        if (certain) count.ok++
        else count.maybe++
      }
    }
    for (const row of orders.values()) {
      if (row.origin !== undefined && !asked.has(row.origin)) findings.violation({ problem: 'an order without a create', ...row })
    }
    // Without origins it is unknown which request made an order, and whether all requests were recorded.
    if (asked.size === 0) return
    for (const order of orders.keys()) {
      const { ok, maybe } = changes.get(order) ?? { ok: 0, maybe: 0 }
      const events = ledger.eventsOf(order).filter(({ version }) => version > 1).length
      findings.expect(ok <= events && events <= ok + maybe, () => ({
        problem: events < ok ? 'fewer events than acknowledged changes' : 'more events than changes that were asked for', order, ok, info: maybe, events
      }))
    }
  }
}
