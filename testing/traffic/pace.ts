import { setTimeout as delay } from 'node:timers/promises'

export interface Pace {
  perSecond: number
  /** How many in all; Infinity: until `stop`. */
  total?: number
  /** None is begun while so many are in flight. */
  maxInFlight?: number
  /** How many seconds' worth may be begun at once after a time in which too many were in flight. */
  burstSeconds?: number
  /** Time between two checks whether one is due. */
  tickMs?: number
  stop?: AbortSignal | undefined
}

/**
 * Begins work at a steady rate, whether or not the work before has ended. Resolves when all that was begun has ended.
 *
 * @throws the first error of the work; nothing more is begun after it
 */
export async function atRate (
  { perSecond, total = Infinity, maxInFlight = Infinity, burstSeconds = Infinity, tickMs = Math.min(10, 1_000 / perSecond), stop }: Pace,
  begin: (index: number) => Promise<void>
): Promise<void> {
  const inFlight = new Set<Promise<void>>()
  const errors: unknown[] = []
  let begun = 0
  let due = 1
  let last = performance.now()
  while (begun < total && stop?.aborted !== true && errors.length === 0) {
    const now = performance.now()
    due = Math.min(due + (now - last) / 1_000 * perSecond, Math.max(1, burstSeconds * perSecond))
    last = now
    for (; due >= 1 && begun < total && inFlight.size < maxInFlight; due--) {
      const work = begin(begun++).catch((error: unknown) => { errors.push(error) }).finally(() => { inFlight.delete(work) })
      inFlight.add(work)
    }
    await delay(tickMs, undefined, { ...(stop === undefined ? {} : { signal: stop }) }).catch(() => {})
  }
  await Promise.all(inFlight)
  if (errors.length > 0) throw errors[0]
}
