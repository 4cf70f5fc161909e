import type { SampleEntry } from '../entry.ts'
import type { Invariant } from '../invariant.ts'

const MINUTE_MS = 60_000
/** Shorter runs say nothing about memory: the heap is still growing to its working size. */
const MEMORY_NEEDS_MS = 20 * MINUTE_MS
const ALLOWED_GROWTH = 1.25
const ALLOWED_GROWTH_BYTES = 40_000_000

export const hygiene: Invariant = {
  id: 'I16',
  title: 'no process ends by itself, leaks memory or leaves a transaction open',
  check ({ description, processes, samples, final }, findings) {
    for (const { process, type, f, detail, t } of processes) {
      findings.expect(!(f === 'life' && type === 'fail') && f !== 'log', () => ({
        problem: f === 'log' ? 'said what it should never say' : 'ended by itself', process, detail, t
      }))
    }
    findings.expect(final.idleInTransaction === 0, () => ({ problem: 'sessions left idle in a transaction', sessions: final.idleInTransaction }))
    if (description.durationMs < MEMORY_NEEDS_MS) return
    for (const process of new Set(samples.flatMap(({ rssBytes }) => Object.keys(rssBytes)))) {
      // The first quarter is the warm-up.
      const early = medianRss(samples, process, description.durationMs / 4, description.durationMs / 2)
      const late = medianRss(samples, process, description.durationMs * 3 / 4, Infinity)
      findings.expect(late <= Math.max(early * ALLOWED_GROWTH, early + ALLOWED_GROWTH_BYTES), () => ({ problem: 'memory grows', process, early, late }))
    }
  }
}

function medianRss (samples: readonly SampleEntry[], process: string, from: number, to: number): number {
  const values = samples.filter(({ t }) => t >= from && t <= to).map(({ rssBytes }) => rssBytes[process] ?? 0).filter((bytes) => bytes > 0)
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0
}
