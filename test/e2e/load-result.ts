import type { Test } from 'tap'
import type { LoadResult } from './load.ts'

/**
 * Every order that was accepted has taken effect, and every event once. Unless told otherwise, nothing came twice either: a
 * broker that ends may lose order-consumer's commit of its offsets, and then delivers applied events again.
 */
export function nothingLost (t: Test, result: LoadResult, { redelivered = false } = {}): void {
  t.comment(JSON.stringify(result))
  t.ok(result.orders > 0, `${result.orders} orders, ${result.events} events in ${result.durationMs} ms`)
  t.match(result, { lost: 0, effects: result.events, gaps: 0, deadLetters: 0, ...redelivered ? {} : { duplicates: 0 } })
}

/**
 * Nothing that a client cannot expect: no connection cut, no error of the service. A 503 with Retry-After is expected of
 * an overloaded cluster: the load repeats the request, and nothingLost checks the outcome.
 */
export function noRequestFailed (t: Test, { failures, postponed, reasons }: LoadResult): void {
  if (postponed > 0) t.comment(`${postponed} requests were postponed with 503, and repeated`)
  t.equal(failures, 0, `no request failed ${JSON.stringify(reasons)}`)
}
