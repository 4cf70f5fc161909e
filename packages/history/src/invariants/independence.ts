import type { Part } from '../entry.ts'
import { Intervals, type FaultWindow } from '../fault-windows.ts'
import type { Invariant } from '../invariant.ts'

/** What order-api needs. */
const NEEDED: readonly Part[] = ['postgres', 'order-api']
/** For so long after such a fault a request may still meet a connection that it broke, or a client's own pause. */
const AFTERMATH_MS = 15_000

export const independence: Invariant = {
  id: 'I14',
  title: 'orders are accepted while Kafka, the relay, the consumer or the Kubernetes API is away',
  check ({ faults, operations }, findings) {
    const needsThem = ({ affects }: FaultWindow) => affects.some((part) => NEEDED.includes(part))
    const others = new Intervals(faults.filter((fault) => !needsThem(fault)))
    const own = new Intervals(faults.filter(needsThem).map(({ from, to }) => ({ from, to: to + AFTERMATH_MS })))
    for (const operation of operations) {
      const { beganAt, endedAt, outcome, refusals } = operation
      if (!others.overlaps(beganAt, endedAt) || own.overlaps(beganAt, endedAt)) continue
      findings.expect(outcome === 'ok' && refusals.length === 0, () => ({
        problem: 'not accepted at once', ...operation, during: faults.filter(({ from, to }) => from <= endedAt && to >= beganAt)
      }))
    }
  }
}
