import { LeaderElector, LeaseStoreError, TermEndedError } from '@orders/leader-election'
import t from 'tap'
import { FakeClock } from './fakes/fake-clock.ts'
import { MemoryLease, MemoryLeaseStore } from './fakes/memory-lease.ts'
import { ElectorFixture } from './fakes/elector-fixture.ts'

const unavailable = new LeaseStoreError('unavailable', 'the store is away')
const forbidden = new LeaseStoreError('forbidden', 'the store refuses us')

t.test('the first elector leads and renews once a retry period, the second stands by', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(0)
  const second = fixture.elector()
  await fixture.pass(60_000)
  t.same(first.history, ['acquired: created'])
  t.same(second.history, [])
  t.equal(first.elector.isLeading, true)
  t.equal(second.elector.isLeading, false)
  t.equal(second.elector.holder, first.elector.identity)
  t.equal(first.events.filter(({ type }) => type === 'renewed').length, 30)
  t.same(new Set(first.store.requests.slice(2)), new Set(['update']), 'without reading')
  t.equal(fixture.lease.record?.leaseTransitions, 0)
  t.ok(second.store.requests.length <= 31, `polled ${second.store.requests.length} times`)
})

t.test('a vanished leader is replaced at the moment when its lease expires', async (t) => {
  const fixture = new ElectorFixture()
  const clock = new FakeClock(fixture.scheduler)
  const first = fixture.elector({ frozenBy: clock })
  await fixture.pass(0)
  const second = fixture.elector()
  await fixture.pass(9_000)
  clock.freeze()
  first.store.otherwise = 'hang'
  const seenAt = 8_000
  await fixture.pass(seenAt + 14_999 - fixture.scheduler.now)
  t.equal(second.elector.isLeading, false)
  await fixture.pass(4_000)
  t.equal(second.elector.isLeading, true)
  t.equal(fixture.lease.record?.leaseTransitions, 1)
})

t.test('with a watch, a standby takes a released lease at once', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(0)
  const second = fixture.elector()
  await fixture.pass(5_100)
  first.stop()
  await fixture.pass(0)
  await first.finished
  t.same(first.history, ['acquired: created', 'term-ended: stopping', 'work-ended', 'released'])
  second.store.observer?.onHint(fixture.lease.record)
  await fixture.pass(0)
  t.same(second.history, ['acquired: free'])
  second.stop()
  await fixture.pass(0)
  t.equal(second.store.observer, undefined, 'the watch is closed')
})

t.test('without a watch, a standby takes a released lease at its next poll', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(0)
  const second = fixture.elector()
  await fixture.pass(5_100)
  first.stop()
  await fixture.pass(4_400)
  t.same(second.history, ['acquired: free'])
})

t.test('an elector that is told to stop keeps the lease until the work has ended, however long that takes', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  first.stopsWhenTold = false
  await fixture.pass(0)
  const second = fixture.elector()
  await fixture.pass(1_000)
  first.stop()
  await fixture.pass(60_000)
  t.equal(first.work.term.signal.aborted, true)
  t.equal((first.work.term.signal.reason as TermEndedError).reason, 'stopping')
  t.equal(fixture.lease.record?.holderIdentity, first.elector.identity, 'renewed all the while')
  t.equal(second.elector.isLeading, false)
  t.match(first.elector.health(), { healthy: false, reason: /the term ended 60000 ms ago, and its work has not/ })
  first.work.finish()
  await first.finished
  t.equal(fixture.lease.record?.holderIdentity, '')
  t.same(first.elector.health(), { healthy: true })
})

t.test('a leader that cannot renew steps down at the renew deadline, and leads again when it can', async (t) => {
  const fixture = new ElectorFixture()
  const only = fixture.elector()
  await fixture.pass(4_000)
  only.store.otherwise = unavailable
  await fixture.pass(9_999)
  t.equal(only.elector.isLeading, true)
  await fixture.pass(1)
  t.equal(only.elector.isLeading, false, '10 s after the last renewal was sent')
  t.same((only.work.term.signal.reason as TermEndedError).reason, 'not-renewed')
  t.match(String(only.work.term.signal.reason), /no renewal of lease in memory was confirmed for 10000 ms \(renewDeadlineMs: 10000\)/)
  await fixture.pass(60_000)
  only.store.otherwise = 'answer'
  await fixture.pass(4_400)
  t.equal(only.elector.isLeading, true)
  t.equal(only.works.length, 2)
  t.equal(fixture.lease.record?.leaseTransitions, 0, 'the holder was never another one')
})

t.test('a store that hangs costs a request timeout each time, not the term', async (t) => {
  const fixture = new ElectorFixture()
  const only = fixture.elector()
  await fixture.pass(0)
  only.store.script.push('hang', 'hang')
  await fixture.pass(60_000)
  t.same(only.history, ['acquired: created', 'attempt-failed: unavailable', 'attempt-failed: unavailable'])
  t.equal(only.works.length, 1)
  const hung = only.events.find(({ type }) => type === 'attempt-failed')
  t.match(hung, { error: { message: 'updating lease in memory: no reply within 3000 ms' }, leading: true })
})

t.test('a renewal is as old as its request: a slow reply leaves less time until the deadline', async (t) => {
  const fixture = new ElectorFixture()
  const only = fixture.elector()
  await fixture.pass(0)
  const update = only.store.update.bind(only.store)
  only.store.update = async (record, version) => {
    const snapshot = await update(record, version)
    await new Promise<void>((resolve) => { fixture.scheduler.schedule(2_900, resolve) })
    only.store.otherwise = 'hang'
    return snapshot
  }
  await fixture.pass(2_000 + 9_999)
  t.equal(only.elector.isLeading, true)
  await fixture.pass(1)
  t.equal(only.elector.isLeading, false, '10 s after the request, 7.1 s after its reply')
})

t.test('a leader that sees another holder stops at once; with a watch, it sees it at once', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(1_000)
  fixture.lease.edit({ holderIdentity: 'usurper', leaseTransitions: 7 })
  first.store.observer?.onHint(fixture.lease.record)
  await fixture.pass(0)
  t.same(first.history, ['acquired: created', 'term-ended: superseded', 'work-ended'])
  t.equal(first.elector.holder, 'usurper')
  await fixture.pass(15_000 + 4_400)
  t.same(first.history.slice(3), ['acquired: expired'], 'it stands by')
  t.equal(fixture.lease.record?.leaseTransitions, 8)
})

t.test('a frozen leader stops before it does anything else', async (t) => {
  const fixture = new ElectorFixture()
  const clock = new FakeClock(fixture.scheduler)
  const first = fixture.elector({ frozenBy: clock })
  await fixture.pass(0)
  const second = fixture.elector()
  await fixture.pass(1_000)
  clock.freeze()
  await fixture.pass(30_000)
  t.equal(second.elector.isLeading, true)
  t.throws(() => { first.work.term.assertCurrent() }, TermEndedError, 'even before a timer could tell')
  clock.thaw()
  t.equal(first.elector.isLeading, false)
  await fixture.pass(10_000)
  t.equal(fixture.lease.record?.holderIdentity, second.elector.identity)
})

t.test('after work that ended by itself, the others get a chance, and then the elector leads again', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(0)
  first.work.finish()
  await fixture.pass(0)
  t.equal(fixture.lease.record?.holderIdentity, '')
  await fixture.pass(3_100)
  t.equal(first.works.length, 1, 'pausing')
  await fixture.pass(200)
  t.same(first.history, ['acquired: created', 'term-ended: work-ended', 'work-ended', 'released', 'acquired: free'])
})

t.test('failed work is reported, and the elector leads again after a pause', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(0)
  const error = new Error('broken')
  first.work.fail(error)
  await fixture.pass(4_400)
  t.same(first.history, ['acquired: created', 'work-failed', 'term-ended: work-ended', 'work-ended', 'released', 'acquired: free'])
  t.equal(first.events.find((event) => event.type === 'work-failed')?.error, error)
})

t.test('work that rethrows its abort reason has not failed', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  first.stopsWhenTold = false
  await fixture.pass(0)
  first.stop()
  first.work.fail(first.work.term.signal.reason as Error)
  await first.finished
  t.same(first.history, ['acquired: created', 'term-ended: stopping', 'work-ended', 'released'])
})

t.test('a release that loses a race or meets an outage is retried, until a request timeout', async (t) => {
  for (const { script, history } of [
    { script: [new LeaseStoreError('conflict', 'late')], history: ['released'] },
    { script: [unavailable], history: ['released'] },
    { script: [unavailable, unavailable, unavailable], history: ['release-failed: unavailable'] },
    { script: [forbidden], history: ['release-failed: forbidden'] }
  ]) {
    const fixture = new ElectorFixture()
    const first = fixture.elector()
    await fixture.pass(0)
    first.store.script.push(...script)
    first.stop()
    await fixture.pass(10_000)
    await first.finished
    t.same(first.history.slice(3), history)
  }
})

t.test('stopped while its first write is in doubt, it releases the lease that it may have got', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  first.store.script.push('lose-reply')
  await fixture.pass(1_000)
  t.equal(fixture.lease.record?.holderIdentity, first.elector.identity)
  first.stop()
  await fixture.pass(10_000)
  await first.finished
  t.equal(fixture.lease.record?.holderIdentity, '')
  t.equal(first.works.length, 0)
})

t.test('stopped before it began, it sends no request', async (t) => {
  const store = new MemoryLeaseStore(new MemoryLease())
  const elector = new LeaderElector({ store, identity: 'a' })
  await elector.run({ signal: AbortSignal.abort(), lead: async () => { t.fail('led') } })
  t.same(store.requests, [])
})

t.test('a challenge takes the lease before it expires', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(0)
  const second = fixture.elector()
  await fixture.pass(100)
  first.store.otherwise = 'hang'
  second.elector.challenge(first.elector.identity)
  await fixture.pass(0)
  t.same(second.history, ['acquired: challenged'])
  t.equal(fixture.lease.record?.leaseTransitions, 1)
})

t.test('of two challengers one wins, and the other does not take the lease from it', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(0)
  const [second, third] = [fixture.elector(), fixture.elector()]
  await fixture.pass(100)
  first.store.otherwise = 'hang'
  for (const { elector } of [second, third]) elector.challenge(first.elector.identity)
  await fixture.pass(10_000)
  t.equal([second, third].filter(({ elector }) => elector.isLeading).length, 1)
  t.equal(fixture.lease.record?.leaseTransitions, 1)
})

t.test('a leader ignores challenges', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(0)
  first.elector.challenge('usurper')
  fixture.lease.edit({ holderIdentity: 'usurper' })
  await fixture.pass(10_000)
  t.equal(fixture.lease.record?.holderIdentity, 'usurper')
})

t.test('keepLeadingWhileUnreachable: an unreachable store is no reason to stop, another holder is', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector({ keepLeadingWhileUnreachable: true })
  await fixture.pass(0)
  first.store.otherwise = unavailable
  await fixture.pass(120_000)
  t.equal(first.elector.isLeading, true)
  t.same(first.elector.health(), { healthy: true })
  t.ok(first.history.includes('leading-unconfirmed'))
  first.work.term.assertCurrent()
  fixture.lease.edit({ holderIdentity: 'other' })
  first.store.otherwise = 'answer'
  await fixture.pass(2_000)
  t.equal(first.elector.isLeading, false)
  t.equal(first.history.at(-2), 'term-ended: superseded')
})

t.test('keepLeadingWhileUnreachable: a store that refuses renewals ends the term at the deadline', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector({ keepLeadingWhileUnreachable: true })
  await fixture.pass(0)
  first.store.otherwise = forbidden
  await fixture.pass(9_999)
  t.equal(first.elector.isLeading, true)
  await fixture.pass(2_001)
  t.equal(first.elector.isLeading, false)
})

t.test('keepLeadingWhileUnreachable: after a freeze it asks the store before it stops', async (t) => {
  const fixture = new ElectorFixture()
  const clock = new FakeClock(fixture.scheduler)
  const first = fixture.elector({ keepLeadingWhileUnreachable: true, frozenBy: clock })
  await fixture.pass(1_000)
  clock.freeze()
  await fixture.pass(60_000)
  clock.thaw()
  await fixture.pass(0)
  t.same(first.history, ['acquired: created'], 'no other holder: the term goes on')
  clock.freeze()
  fixture.lease.edit({ holderIdentity: 'other' })
  await fixture.pass(60_000)
  clock.thaw()
  await fixture.pass(0)
  t.same(first.history.slice(1), ['term-ended: superseded', 'work-ended'])
})

t.test('unhealthy: a leader without a renewal that did not stop', async (t) => {
  const fixture = new ElectorFixture()
  const clock = new FakeClock(fixture.scheduler)
  const first = fixture.elector({ frozenBy: clock })
  await fixture.pass(1_000)
  t.same(first.elector.health(), { healthy: true })
  clock.freeze()
  await fixture.pass(15_000)
  t.match(first.elector.health(), { healthy: false, reason: /leading, and not renewed for 16000 ms/ })
})

t.test('unhealthy: work that goes on after the lease was lost', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  first.stopsWhenTold = false
  await fixture.pass(0)
  first.store.otherwise = unavailable
  await fixture.pass(10_000 + 15_000)
  t.equal(first.elector.isLeading, false)
  t.same(first.elector.health(), { healthy: true }, 'it has one lease duration to stop')
  await fixture.pass(1_000)
  t.match(first.elector.health(), { healthy: false, reason: /the term ended 16000 ms ago, and its work has not/ })
  t.equal(first.works.length, 1, 'and none is begun beside it')
  first.work.finish()
  await fixture.pass(0)
  t.same(first.elector.health(), { healthy: true })
})

t.test('run() is for one caller at a time, and can be called again', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(0)
  await t.rejects(first.elector.run({ signal: new AbortController().signal, lead: async () => {} }), /expected run\(\) to be called once at a time/)
  first.stop()
  await first.finished
  const again = new AbortController()
  const finished = first.elector.run({ signal: again.signal, lead: async () => { again.abort() } })
  await fixture.pass(10_000)
  await finished
})

t.test('a failing watch is reported and costs nothing else', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  await fixture.pass(0)
  first.store.observer?.onError(new Error('no watch'))
  t.same(first.history, ['acquired: created', 'watch-failed'])
  t.equal(first.elector.isLeading, true)
})

t.test('told to stop at any moment while it wins the lease, it stops', async (t) => {
  for (let turns = 0; turns < 40; turns++) {
    const fixture = new ElectorFixture()
    const store = new MemoryLeaseStore(fixture.lease)
    const stop = new AbortController()
    const abortIn = (turns: number) => { if (turns === 0) stop.abort(); else queueMicrotask(() => { abortIn(turns - 1) }) }
    store.onRequest = (operation) => { if (operation === 'create') abortIn(turns) }
    const elector = new LeaderElector({ store, identity: 'a', clock: new FakeClock(fixture.scheduler) })
    let stopped = false
    const finished = elector.run({
      signal: stop.signal,
      // Like work that does not check the signal before it begins.
      lead: ({ signal }) => new Promise((resolve) => { signal.addEventListener('abort', () => { resolve() }) })
    }).then(() => { stopped = true })
    await fixture.pass(10_000)
    t.equal(stopped, true, `after ${turns} turns`)
    await finished
    t.equal(fixture.lease.record?.holderIdentity, '')
  }
})

t.test('stopped by its event listener when it has won, it does not begin the work', async (t) => {
  const fixture = new ElectorFixture()
  const stop = new AbortController()
  const elector = new LeaderElector({
    store: new MemoryLeaseStore(fixture.lease),
    identity: 'a',
    clock: new FakeClock(fixture.scheduler),
    onEvent: ({ type }) => { if (type === 'acquired') stop.abort() }
  })
  await elector.run({ signal: stop.signal, lead: async () => { t.fail('led') } })
  t.equal(fixture.lease.record?.holderIdentity, '')
})

t.test('a store that answers every write with "conflict", as an admission webhook can, gets no storm of requests', async (t) => {
  const conflict = async () => { throw new LeaseStoreError('conflict', 'says an admission webhook') }
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  first.store.create = conflict
  await fixture.pass(60_000)
  t.equal(first.works.length, 0)
  t.ok(first.store.requests.length < 90, `read ${first.store.requests.length} times in a minute`)

  const second = fixture.elector()
  await fixture.pass(0)
  t.equal(second.works.length, 1)
  second.store.update = conflict
  second.store.requests.length = 0
  second.stop()
  await fixture.pass(10_000)
  await second.finished
  t.equal(second.history.at(-1), 'release-failed: conflict')
  t.ok(second.store.requests.length < 12, `read ${second.store.requests.length} times to release`)
})

t.test('keepLeadingWhileUnreachable: assertCurrent before each step causes no request at each step', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector({ keepLeadingWhileUnreachable: true })
  await fixture.pass(0)
  first.store.otherwise = unavailable
  await fixture.pass(20_000)
  const before = first.store.requests.length
  for (let step = 0; step < 100; step++) {
    first.work.term.assertCurrent()
    await fixture.pass(1)
  }
  t.ok(first.store.requests.length - before <= 1, `${first.store.requests.length - before} requests in 100 ms`)
})

t.test('after the machine was suspended, the first timer that fires ends the term', async (t) => {
  // The timers of a suspended machine stand still; the clock does not.
  let suspendedMs = 0
  const fixture = new ElectorFixture()
  class SuspendedClock extends FakeClock {
    override now () { return super.now() + suspendedMs }
  }
  const first = fixture.elector({ frozenBy: new SuspendedClock(fixture.scheduler) })
  await fixture.pass(1_000)
  suspendedMs = 60_000
  t.equal(first.elector.isLeading, false, 'isLeading is false at once')
  first.store.otherwise = 'hang'
  await fixture.pass(1_000)
  t.same(first.history, ['acquired: created', 'term-ended: not-renewed', 'work-ended'])
})

t.test('a renewal whose reply took longer than the deadline confirms nothing', async (t) => {
  const fixture = new ElectorFixture()
  const clock = new FakeClock(fixture.scheduler)
  const first = fixture.elector({ frozenBy: clock })
  await fixture.pass(1_000)
  const { promise, resolve } = Promise.withResolvers<void>()
  const update = first.store.update.bind(first.store)
  first.store.update = async (record, version) => {
    const snapshot = await update(record, version)
    first.store.otherwise = 'hang'
    await promise
    return snapshot
  }
  await fixture.pass(1_000)
  clock.freeze()
  await fixture.pass(30_000)
  // Woken by the network, before any timer.
  resolve()
  await fixture.pass(0)
  t.same(first.history, ['acquired: created', 'term-ended: not-renewed', 'work-ended'])
})

t.test('a challenge while a lost term winds down counts afterwards', async (t) => {
  const fixture = new ElectorFixture()
  const first = fixture.elector()
  first.stopsWhenTold = false
  await fixture.pass(0)
  fixture.lease.edit({ holderIdentity: 'other', leaseTransitions: 1 })
  await fixture.pass(2_000)
  t.equal(first.elector.isLeading, false)
  first.elector.challenge('other')
  first.work.finish()
  await fixture.pass(0)
  t.same(first.history.slice(1), ['term-ended: superseded', 'work-ended', 'acquired: challenged'])
})
