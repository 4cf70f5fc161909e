// An API server that is overloaded, broken, slow, silent or down.
import { Kubernetes } from '@orders/testing/servers'
import { TcpProxy, until } from '@orders/testing/framework'
import t from 'tap'
import { PATIENT_TIMINGS, RunningElector, SHORT_TIMINGS } from '../conformance/running-elector.ts'
import { ApiProxy } from './api-proxy.ts'
import { LeaseObjects } from './lease-objects.ts'

const objects = await LeaseObjects.create(t)
const FORGIVING_TIMINGS = { ...SHORT_TIMINGS, leaseDurationMs: 60_000, renewDeadlineMs: 50_000 }

t.test('429, 500 and 503 are reported and retried on the same connections, and the term goes on', async (t) => {
  const proxy = await ApiProxy.start(objects.cluster)
  t.teardown(() => proxy.close())
  const leader = new RunningElector(t, objects.store(objects.name(), { server: proxy.url }), FORGIVING_TIMINGS)
  await leader.untilLeading()
  await until(() => proxy.requests.some(({ watch }) => watch), { what: 'the watch' })
  const { connections } = proxy
  for (const status of [429, 500, 503]) {
    proxy.answer = ({ watch }) => watch ? 'forward' : { status, message: `the server says ${status}` }
    await leader.untilNext('attempt-failed')
    t.match(leader.all('attempt-failed').at(-1)?.error, { reason: 'unavailable', message: new RegExp(`the API server answered ${status} the server says ${status}`) })
    proxy.answer = () => 'forward'
    await leader.untilNext('renewed')
  }
  t.same(leader.all('term-ended'), [])
  t.ok(proxy.connections <= connections + 1, `${proxy.connections - connections} new connections`)
})

t.test('a server that answers slowly is no fault', async (t) => {
  const proxy = await ApiProxy.start(objects.cluster)
  t.teardown(() => proxy.close())
  proxy.answer = () => ({ afterMs: 500 })
  const leader = new RunningElector(t, objects.store(objects.name(), { server: proxy.url }), { ...FORGIVING_TIMINGS, requestTimeoutMs: 40_000 })
  await leader.untilLeading()
  await leader.untilNext('renewed')
  await leader.untilNext('renewed')
  t.same(leader.all('attempt-failed'), [])
})

t.test('a server that hangs ends the term at the renew deadline', async (t) => {
  const proxy = await ApiProxy.start(objects.cluster)
  t.teardown(() => proxy.close())
  const leader = new RunningElector(t, objects.store(objects.name(), { server: proxy.url }))
  await leader.untilLeading()
  proxy.answer = () => 'hang'
  await leader.untilNext('work-ended')
  t.match(leader.all('term-ended'), [{ reason: 'not-renewed' }])
  await leader.untilSome('attempt-failed')
  t.match(leader.all('attempt-failed')[0]?.error, { reason: 'unavailable', message: /no reply within 2000 ms/ })
  proxy.answer = () => 'forward'
  await leader.untilLeading()
})

t.test('refused connections, and connections whose packets vanish', async (t) => {
  const proxy = await TcpProxy.start(new URL(objects.cluster.server).host)
  t.teardown(() => proxy.close())
  const leader = new RunningElector(t, objects.store(objects.name(), { server: `https://${proxy.address}` }), FORGIVING_TIMINGS)
  await leader.untilLeading()
  proxy.cut()
  await leader.untilNext('attempt-failed')
  await leader.untilSome('watch-failed')
  t.match(leader.all('watch-failed')[0]?.error.message, /^watching Lease default\/test-/)
  proxy.heal()
  await leader.untilNext('renewed')
  proxy.hang()
  await leader.untilNext('attempt-failed')
  t.match(leader.all('attempt-failed').at(-1)?.error, { reason: 'unavailable', message: /no reply within 2000 ms/ })
  proxy.heal()
  await leader.untilNext('renewed')
  t.same(leader.all('term-ended'), [])
})

t.test('a silently dead watch costs the hints, not the takeover', async (t) => {
  const proxy = await ApiProxy.start(objects.cluster)
  t.teardown(() => proxy.close())
  const name = objects.name()
  const first = new RunningElector(t, objects.store(name))
  await first.untilLeading()
  const second = new RunningElector(t, objects.store(name, { server: proxy.url, watchIdleMs: 2_000 }))
  await second.untilStandby(first.identity)
  await until(() => proxy.requests.some(({ watch }) => watch), { what: 'the watch' })
  proxy.streamsAreDead = true
  await first.stop()
  await second.untilLeading()
  t.match(second.all('acquired'), [{ because: 'free' }])
  const count = proxy.requests.filter(({ watch }) => watch).length
  await until(() => proxy.requests.filter(({ watch }) => watch).length > count, { what: 'another watch, after the silence' })
})

t.test('an elector that stops does not wait for a hanging watch', async (t) => {
  const proxy = await ApiProxy.start(objects.cluster)
  t.teardown(() => proxy.close())
  proxy.answer = ({ watch }) => watch ? 'hang' : 'forward'
  const leader = new RunningElector(t, objects.store(objects.name(), { server: proxy.url }), PATIENT_TIMINGS)
  await leader.untilLeading()
  await until(() => proxy.requests.some(({ watch }) => watch), { what: 'the watch' })
  const stopped = leader.stop().then(() => 'stopped')
  t.equal(await Promise.race([stopped, new Promise((resolve) => { setTimeout(resolve, 5_000, 'hung').unref() })]), 'stopped')
  t.equal(leader.events.at(-1)?.type, 'released')
})

t.test('an API server that stops ends the term at the renew deadline, except with keepLeadingWhileUnreachable', async (t) => {
  const server = await Kubernetes.start()
  t.teardown(() => server.close())
  const own = await LeaseObjects.create(t, server)
  const plain = new RunningElector(t, own.store('plain'))
  const fenced = new RunningElector(t, own.store('fenced'), { ...SHORT_TIMINGS, keepLeadingWhileUnreachable: true })
  await Promise.all([plain.untilLeading(), fenced.untilLeading()])
  await server.stop()
  await plain.untilSome('work-ended')
  await fenced.untilSome('leading-unconfirmed')
  t.match(plain.all('term-ended'), [{ reason: 'not-renewed' }])
  t.equal(fenced.isLeading, true)
  t.same(fenced.elector.health(), { healthy: true })
  await server.start()
  await fenced.untilNext('renewed')
  await plain.untilLeading()
  t.same([plain.terms.length, fenced.terms.length], [2, 1])
  t.same(fenced.all('term-ended'), [])
})
