import type { Part, SampleEntry } from '../entry.ts'
import { Intervals, type FaultWindow } from '../fault-windows.ts'
import type { Invariant } from '../invariant.ts'

/** The parts that order-api needs. */
const NEEDED: readonly Part[] = ['postgres', 'order-api']
/** So long after such a fault a request may still use a broken connection, or wait for a client's retry. */
const AFTERMATH_MS = 15_000
/** A Postgres this slow by itself (a machine short of disk or CPU) is not checked here. */
const SLOW_COMMIT_MS = 100

export const independence: Invariant = {
  id: 'I14',
  title: 'orders are accepted while Kafka, the relay, the consumer or the Kubernetes API is away',
  check ({ faults, operations, samples }, findings) {
    const needsThem = ({ affects }: FaultWindow) => affects.some((part) => NEEDED.includes(part))
    const others = new Intervals(faults.filter((fault) => !needsThem(fault)))
    const own = new Intervals([...faults.filter(needsThem), ...slowTimes(samples)].map(({ from, to }) => ({ from, to: to + AFTERMATH_MS })))
    for (const operation of operations) {
      const { beganAt, endedAt, outcome, refusals, contested } = operation
      if (!others.overlaps(beganAt, endedAt) || own.overlaps(beganAt, endedAt)) continue
      findings.expect((outcome === 'ok' || (outcome === 'fail' && contested)) && refusals.length === 0, () => ({
        problem: 'not accepted at once', ...operation, during: faults.filter(({ from, to }) => from <= endedAt && to >= beganAt)
      }))
    }
  }
}

/** From the last sample with a fast Postgres to the one with a slow one. */
function slowTimes (samples: readonly SampleEntry[]): Array<{ from: number, to: number }> {
  let wellAt = 0
  return samples.flatMap(({ t, commitMs = Infinity }) => {
    const from = wellAt
    if (commitMs > SLOW_COMMIT_MS) return [{ from, to: t }]
    wellAt = t
    return []
  })
}
