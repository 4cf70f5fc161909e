import type { LeaderKill } from './leader-kill.ts'

export interface Takeover {
  signal: string
  /** The longest time without a published event around the kill. */
  gapMs: number
}

/**
 * How long publishing paused after each kill: the longest pause between two records that overlaps the time from the kill to the
 * next one. Only meaningful if events arrive much more often than that.
 *
 * @param publishedAt when each record was published, in milliseconds since 1970, in any order
 */
export function publishingGaps (kills: readonly LeaderKill[], publishedAt: readonly number[]): Takeover[] {
  const times = [...publishedAt].sort((a, b) => a - b)
  const pauses = times.slice(1).map((end, index) => ({ start: times[index] ?? end, end }))
  return kills.map(({ at, signal }, index) => {
    const until = kills[index + 1]?.at ?? Infinity
    const gapMs = pauses.reduce((longest, { start, end }) => end > at && start < until ? Math.max(longest, end - start) : longest, 0)
    return { signal: signal.replace('SIG', ''), gapMs }
  })
}
