import type { SampleEntry } from '../entry.ts'
import { hasCause } from '../foreign.ts'
import type { Invariant } from '../invariant.ts'
import { livesOf } from '../lives.ts'

const MINUTE_MS = 60_000
/** A young process grows to its working size, which is no leak. */
const WARM_UP_MS = 5 * MINUTE_MS
/**
 * In a shorter life a leak cannot be told from garbage. Without a small heap limit a full collection comes every five minutes or
 * so, and resident memory rises by half in between.
 */
const LONG_LIFE_MS = 15 * MINUTE_MS
/** Of the sorted samples of half a life: what a collection leaves. A leak raises it; garbage raises only what is above it. */
const FLOOR = 0.1
const ALLOWED_GROWTH = 1.25
const ALLOWED_GROWTH_BYTES = 40_000_000

export const hygiene: Invariant = {
  id: 'I16',
  title: 'no process ends by itself, leaks memory or leaves a transaction open',
  check ({ processes, samples, final, relay }, findings) {
    for (const { process, type, f, detail, t } of processes) {
      findings.expect(!(f === 'life' && type === 'fail') && f !== 'log', () => ({
        problem: f === 'log' ? 'logged a line that should never appear' : 'ended by itself', process, detail, t
      }))
    }
    for (const { f, process, t, shard } of relay) {
      if (f === 'foreign') findings.expect(hasCause(t, final.restores, final.copies), () => ({ problem: 'found a foreign position without a restore or a copy that explains it', process, shard, t }))
    }
    findings.expect(final.idleInTransaction === 0, () => ({ problem: 'sessions left idle in a transaction', sessions: final.idleInTransaction }))
    const runEndedAt = samples.at(-1)?.t ?? 0
    // Each life alone: a leak ends with its process, and processes of different ages cannot be compared.
    for (const life of livesOf(processes)) {
      const to = Math.min(life.to, runEndedAt)
      if (to - life.from < LONG_LIFE_MS) continue
      const grown = life.from + WARM_UP_MS
      const middle = (grown + to) / 2
      const [early, late] = [rssFloor(samples, life.process, grown, middle), rssFloor(samples, life.process, middle, to)]
      findings.expect(late <= Math.max(early * ALLOWED_GROWTH, early + ALLOWED_GROWTH_BYTES), () => ({ problem: 'memory grows', ...life, early, late }))
    }
  }
}

function rssFloor (samples: readonly SampleEntry[], process: string, from: number, to: number): number {
  const values = samples.filter(({ t }) => t >= from && t <= to).map(({ rssBytes }) => rssBytes[process] ?? 0).filter((bytes) => bytes > 0)
  return values.sort((a, b) => a - b)[Math.floor(values.length * FLOOR)] ?? 0
}
