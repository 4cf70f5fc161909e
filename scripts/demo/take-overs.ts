import type { LeaderKill } from '@orders/local-stack/harness'

export interface TakeOver {
  signal: string
  /** The longest time without a published event around the kill. */
  gapMs: number
}

/** A leader that is told to end goes on for a moment, and the last event before a kill is a little older than the kill. */
const BEFORE_MS = 1_000

/**
 * How long nothing was published because of each kill: the longest pause between two records from just before the kill until
 * the next one. Means something only where events arrive much more often than that.
 *
 * @param publishedAt when each record was published, in milliseconds since 1970, in any order
 */
export function takeOvers (kills: readonly LeaderKill[], publishedAt: readonly number[]): TakeOver[] {
  const times = [...publishedAt].sort((a, b) => a - b)
  return kills.map(({ at, signal }, index) => {
    const until = kills[index + 1]?.at ?? Infinity
    const around = times.filter((time) => time >= at - BEFORE_MS && time < until - BEFORE_MS)
    let gapMs = 0
    for (const [index, time] of around.entries()) gapMs = Math.max(gapMs, time - (around[index - 1] ?? time))
    return { signal: signal.replace('SIG', ''), gapMs }
  })
}
