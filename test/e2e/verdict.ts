import type { Test } from 'tap'
import type { Verdict } from './load.ts'

/**
 * Every order that was accepted has taken effect, and every event once. Unless told otherwise, nothing came twice either: a
 * broker that goes may take order-consumer's commit of its offsets with it, and then hands out again what was applied.
 */
export function nothingLost (t: Test, verdict: Verdict, { redelivered = false } = {}): void {
  t.comment(JSON.stringify(verdict))
  t.ok(verdict.orders > 0, `${verdict.orders} orders, ${verdict.events} events in ${verdict.durationMs} ms`)
  t.match(verdict, { lost: 0, effects: verdict.events, gaps: 0, deadLetters: 0, ...redelivered ? {} : { duplicates: 0 } })
}

/**
 * Nothing that a client cannot expect: no connection cut, no error of the service. A 503 with Retry-After is expected of a
 * cluster with more to do than it can; the load came back, and nothingLost tells what became of it.
 */
export function noRequestFailed (t: Test, { failures, postponed, reasons }: Verdict): void {
  if (postponed > 0) t.comment(`${postponed} requests were postponed with 503, and repeated`)
  t.equal(failures, 0, `no request failed ${JSON.stringify(reasons)}`)
}
