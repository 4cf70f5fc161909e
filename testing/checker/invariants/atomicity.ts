import type { Invariant } from '../invariant.ts'

export const atomicity: Invariant = {
  id: 'I2',
  title: 'every change has exactly one event, and every event its change',
  check (ledger, findings) {
    const { orders, ordersWithEvents } = ledger
    for (const order of orders.values()) {
      const events = ledger.eventsOf(order.order)
      const last = events.at(-1)
      const gapless = events.every((row, index) => row.version === index + 1)
      findings.expect(gapless && events.length === order.version && last?.status === order.status, () => ({
        problem: 'the events are not those of the order', order, events: events.map(({ version, status }) => ({ version, status }))
      }))
    }
    for (const order of ordersWithEvents) {
      if (!orders.has(order)) findings.violation({ problem: 'an event without its order', order, events: ledger.eventsOf(order) })
    }
  }
}
