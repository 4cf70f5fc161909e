import t from 'tap'
import { quantile, Total, type Metrics } from '../metrics.ts'

const histogram = (counts: Record<string, number>): Metrics =>
  new Map(Object.entries(counts).map(([bound, count]) => [`wait_seconds_bucket{le="${bound}"}`, count]))

t.test('a quantile is that of what came between two readings, interpolated in its bucket', async (t) => {
  const before = histogram({ 0.1: 100, 1: 100, '+Inf': 100 })
  const now = histogram({ 0.1: 100, 1: 110, '+Inf': 110 })
  t.equal(quantile('wait_seconds', 0.5, new Map(), before), 0.05)
  t.equal(quantile('wait_seconds', 0.5, before, now), 0.55, 'the hundred before do not count')
  t.equal(quantile('wait_seconds', 0.5, now, now), undefined, 'nothing came')
  t.equal(quantile('wait_seconds', 1, new Map(), histogram({ 0.1: 0, 1: 0, '+Inf': 5 })), 1, 'beyond the last bound there is no better answer')
})

t.test('a total goes on when its process begins anew, and stays when it does not answer', async (t) => {
  const total = new Total('things_total')
  const after = [10, undefined, 12, 3, 4].map((value) => total.after(new Map(value === undefined ? [] : [['things_total', value]])))
  t.same(after, [10, 10, 12, 15, 16])
})
