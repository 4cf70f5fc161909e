import t from 'tap'
import { publishingGaps } from '../publishing-gaps.ts'

/** A record every 10 ms, except in the pauses. */
function published (until: number, pauses: ReadonlyArray<readonly [number, number]>): number[] {
  const times: number[] = []
  for (let time = 0; time <= until; time += 10) if (!pauses.some(([from, to]) => time > from && time < to)) times.push(time)
  return times
}

t.test('the gap of a kill is the longest pause that overlaps the time until the next', async (t) => {
  const records = published(60_000, [[9_990, 10_250], [30_020, 30_100], [45_000, 60_000]])
  t.same(publishingGaps([
    { signal: 'SIGKILL', at: 10_000, tookOverMs: 200 }, { signal: 'SIGTERM', at: 30_000, tookOverMs: 50 }, { signal: 'SIGSTOP', at: 45_000, tookOverMs: 1 }
  ], records.reverse()), [
    { signal: 'KILL', gapMs: 260 }, { signal: 'TERM', gapMs: 80 }, { signal: 'STOP', gapMs: 15_000 }
  ])
})
