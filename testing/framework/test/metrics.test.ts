import t from 'tap'
import { Metrics, quantile, Total } from '../metrics.ts'

t.test('a page gives its series without the label of the service, sums over labels, and the names without samples', async (t) => {
  const metrics = new Metrics(`# HELP events_blocked Events that wait.
# TYPE events_blocked gauge
events_blocked{service="outbox-relay",by="topic"} 3
events_blocked{by="dead_letter",service="outbox-relay"} 2
# TYPE events_blocked_oldest_seconds gauge
events_blocked_oldest_seconds Nan
# TYPE events_total counter
`)
  t.same([...metrics].map(([series]) => series), ['events_blocked{by="topic"}', 'events_blocked{by="dead_letter"}', 'events_blocked_oldest_seconds'])
  t.equal(metrics.get('events_blocked{by="topic"}'), 3)
  t.equal(metrics.sum('events_blocked'), 5)
  t.equal(metrics.sum('events_blocked', 'by="dead_letter"'), 2)
  t.equal(metrics.sum('events_total'), 0)
  t.same(metrics.get('events_blocked_oldest_seconds'), NaN, 'not known yet')
  t.same(metrics.declared, ['events_blocked', 'events_blocked_oldest_seconds', 'events_total'])
})

const histogram = (counts: Record<string, number>): Metrics =>
  new Metrics(Object.entries(counts).map(([bound, count]) => `wait_seconds_bucket{service="x",le="${bound}"} ${count}\n`).join(''))

t.test('a quantile is that of what came between two readings, interpolated in its bucket', async (t) => {
  const before = histogram({ 0.1: 100, 1: 100, '+Inf': 100 })
  const now = histogram({ 0.1: 100, 1: 110, '+Inf': 110 })
  t.equal(quantile('wait_seconds', 0.5, new Metrics(), before), 0.05)
  t.equal(quantile('wait_seconds', 0.5, before, now), 0.55, 'the hundred before do not count')
  t.equal(quantile('wait_seconds', 0.5, now, now), undefined, 'nothing came')
  t.equal(quantile('wait_seconds', 1, new Metrics(), histogram({ 0.1: 0, 1: 0, '+Inf': 5 })), 1, 'beyond the last bound there is no better answer')
})

t.test('a total goes on when its process begins anew, and stays when it does not answer', async (t) => {
  const total = new Total('things_total')
  const after = [10, undefined, 12, 3, 4].map((value) => total.after(new Metrics(value === undefined ? '' : `things_total ${value}\n`)))
  t.same(after, [10, 10, 12, 15, 16])
})
