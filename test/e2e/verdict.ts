import type { Test } from 'tap'
import type { Verdict } from './load.ts'

/** Every order that was accepted has taken effect, and every event once. */
export function nothingLost (t: Test, verdict: Verdict): void {
  t.comment(JSON.stringify(verdict))
  t.ok(verdict.orders > 0, `${verdict.orders} orders, ${verdict.events} events in ${verdict.durationMs} ms`)
  t.match(verdict, { lost: 0, duplicates: 0, gaps: 0, deadLetters: 0 })
}
