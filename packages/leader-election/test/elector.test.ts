import { LeaderElector, LeaseStoreError, TermEndedError } from '@orders/leader-election'
import t from 'tap'
import { FakeClock } from './fakes/fake-clock.ts'
import { MemoryLease, MemoryLeaseStore } from './fakes/memory-lease.ts'
import { Stage } from './fakes/stage.ts'

const unavailable = new LeaseStoreError('unavailable', 'the store is away')
const forbidden = new LeaseStoreError('forbidden', 'the store does not let us')

t.test('the first leads, renews once a retry period, and the second stands by', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(0)
  const second = stage.player()
  await stage.pass(60_000)
  t.same(first.story, ['acquired: created'])
  t.same(second.story, [])
  t.equal(first.elector.isLeading, true)
  t.equal(second.elector.isLeading, false)
  t.equal(second.elector.holder, first.elector.identity)
  t.equal(first.events.filter(({ type }) => type === 'renewed').length, 30)
  t.same(new Set(first.store.requests.slice(2)), new Set(['update']), 'without reading')
  t.equal(stage.lease.record?.leaseTransitions, 0)
  t.ok(second.store.requests.length <= 31, `polled ${second.store.requests.length} times`)
})

t.test('a leader that vanishes is succeeded when the lease has run out, to the moment', async (t) => {
  const stage = new Stage()
  const clock = new FakeClock(stage.scheduler)
  const first = stage.player({ frozenBy: clock })
  await stage.pass(0)
  const second = stage.player()
  await stage.pass(9_000)
  clock.freeze()
  first.store.otherwise = 'hang'
  const seenAt = 8_000
  await stage.pass(seenAt + 14_999 - stage.scheduler.now)
  t.equal(second.elector.isLeading, false)
  await stage.pass(4_000)
  t.equal(second.elector.isLeading, true)
  t.equal(stage.lease.record?.leaseTransitions, 1)
})

t.test('with a watch, a standby takes a released lease at once', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(0)
  const second = stage.player()
  await stage.pass(5_100)
  first.stop()
  await stage.pass(0)
  await first.finished
  t.same(first.story, ['acquired: created', 'term-ended: stopping', 'work-ended', 'released'])
  second.store.observer?.onHint(stage.lease.record)
  await stage.pass(0)
  t.same(second.story, ['acquired: free'])
  second.stop()
  await stage.pass(0)
  t.equal(second.store.observer, undefined, 'the watch is closed')
})

t.test('without one, it takes it with its next poll', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(0)
  const second = stage.player()
  await stage.pass(5_100)
  first.stop()
  await stage.pass(4_400)
  t.same(second.story, ['acquired: free'])
})

t.test('asked to stop, it keeps the lease until the work has ended, however long that takes', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  first.stopsWhenTold = false
  await stage.pass(0)
  const second = stage.player()
  await stage.pass(1_000)
  first.stop()
  await stage.pass(60_000)
  t.equal(first.work.term.signal.aborted, true)
  t.equal((first.work.term.signal.reason as TermEndedError).reason, 'stopping')
  t.equal(stage.lease.record?.holderIdentity, first.elector.identity, 'renewed all the while')
  t.equal(second.elector.isLeading, false)
  t.match(first.elector.health(), { healthy: false, reason: /the term ended 60000 ms ago, and its work has not/ })
  first.work.finish()
  await first.finished
  t.equal(stage.lease.record?.holderIdentity, '')
  t.same(first.elector.health(), { healthy: true })
})

t.test('a leader that cannot renew steps down at the renew deadline, and leads again when it can', async (t) => {
  const stage = new Stage()
  const only = stage.player()
  await stage.pass(4_000)
  only.store.otherwise = unavailable
  await stage.pass(9_999)
  t.equal(only.elector.isLeading, true)
  await stage.pass(1)
  t.equal(only.elector.isLeading, false, '10 s after the last renewal was sent')
  t.same((only.work.term.signal.reason as TermEndedError).reason, 'not-renewed')
  t.match(String(only.work.term.signal.reason), /no renewal of lease in memory was confirmed for 10000 ms \(renewDeadlineMs: 10000\)/)
  await stage.pass(60_000)
  only.store.otherwise = 'answer'
  await stage.pass(4_400)
  t.equal(only.elector.isLeading, true)
  t.equal(only.works.length, 2)
  t.equal(stage.lease.record?.leaseTransitions, 0, 'the holder was never another one')
})

t.test('a store that hangs costs a request time-out each time, not the term', async (t) => {
  const stage = new Stage()
  const only = stage.player()
  await stage.pass(0)
  only.store.script.push('hang', 'hang')
  await stage.pass(60_000)
  t.same(only.story, ['acquired: created', 'attempt-failed: unavailable', 'attempt-failed: unavailable'])
  t.equal(only.works.length, 1)
  const hung = only.events.find(({ type }) => type === 'attempt-failed')
  t.match(hung, { error: { message: 'updating lease in memory: no reply within 3000 ms' }, leading: true })
})

t.test('a renewal is as old as its request: a slow reply leaves less time to the next', async (t) => {
  const stage = new Stage()
  const only = stage.player()
  await stage.pass(0)
  const update = only.store.update.bind(only.store)
  only.store.update = async (record, version) => {
    const snapshot = await update(record, version)
    await new Promise<void>((resolve) => { stage.scheduler.schedule(2_900, resolve) })
    only.store.otherwise = 'hang'
    return snapshot
  }
  await stage.pass(2_000 + 9_999)
  t.equal(only.elector.isLeading, true)
  await stage.pass(1)
  t.equal(only.elector.isLeading, false, '10 s after the request, 7.1 s after its reply')
})

t.test('a leader that sees another holder stops at once; told by the watch, at once is now', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(1_000)
  stage.lease.edit({ holderIdentity: 'usurper', leaseTransitions: 7 })
  first.store.observer?.onHint(stage.lease.record)
  await stage.pass(0)
  t.same(first.story, ['acquired: created', 'term-ended: superseded', 'work-ended'])
  t.equal(first.elector.holder, 'usurper')
  await stage.pass(15_000 + 4_400)
  t.same(first.story.slice(3), ['acquired: expired'], 'it stands by like anybody else')
  t.equal(stage.lease.record?.leaseTransitions, 8)
})

t.test('a frozen leader stops before it does anything else', async (t) => {
  const stage = new Stage()
  const clock = new FakeClock(stage.scheduler)
  const first = stage.player({ frozenBy: clock })
  await stage.pass(0)
  const second = stage.player()
  await stage.pass(1_000)
  clock.freeze()
  await stage.pass(30_000)
  t.equal(second.elector.isLeading, true)
  t.throws(() => { first.work.term.assertCurrent() }, TermEndedError, 'even before a timer could tell')
  clock.thaw()
  t.equal(first.elector.isLeading, false)
  await stage.pass(10_000)
  t.equal(stage.lease.record?.holderIdentity, second.elector.identity)
})

t.test('work that ends by itself gives the others a chance, and then leads again', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(0)
  first.work.finish()
  await stage.pass(0)
  t.equal(stage.lease.record?.holderIdentity, '')
  await stage.pass(3_100)
  t.equal(first.works.length, 1, 'pausing')
  await stage.pass(200)
  t.same(first.story, ['acquired: created', 'term-ended: work-ended', 'work-ended', 'released', 'acquired: free'])
})

t.test('work that fails is reported, and leads again after a pause', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(0)
  const error = new Error('broken')
  first.work.fail(error)
  await stage.pass(4_400)
  t.same(first.story, ['acquired: created', 'work-failed', 'term-ended: work-ended', 'work-ended', 'released', 'acquired: free'])
  t.equal(first.events.find((event) => event.type === 'work-failed')?.error, error)
})

t.test('work that ends by throwing what it was told is no failure', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  first.stopsWhenTold = false
  await stage.pass(0)
  first.stop()
  first.work.fail(first.work.term.signal.reason as Error)
  await first.finished
  t.same(first.story, ['acquired: created', 'term-ended: stopping', 'work-ended', 'released'])
})

t.test('a release that loses a race, or meets an outage, is tried again; it gives up after a request time-out', async (t) => {
  for (const { script, story } of [
    { script: [new LeaseStoreError('conflict', 'late')], story: ['released'] },
    { script: [unavailable], story: ['released'] },
    { script: [unavailable, unavailable, unavailable], story: ['release-failed: unavailable'] },
    { script: [forbidden], story: ['release-failed: forbidden'] }
  ]) {
    const stage = new Stage()
    const first = stage.player()
    await stage.pass(0)
    first.store.script.push(...script)
    first.stop()
    await stage.pass(10_000)
    await first.finished
    t.same(first.story.slice(3), story)
  }
})

t.test('stopped while its first write is in doubt, it releases what it may have got', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  first.store.script.push('lose-reply')
  await stage.pass(1_000)
  t.equal(stage.lease.record?.holderIdentity, first.elector.identity)
  first.stop()
  await stage.pass(10_000)
  await first.finished
  t.equal(stage.lease.record?.holderIdentity, '')
  t.equal(first.works.length, 0)
})

t.test('stopped before it began, it asks for nothing', async (t) => {
  const store = new MemoryLeaseStore(new MemoryLease())
  const elector = new LeaderElector({ store, identity: 'a' })
  await elector.run({ signal: AbortSignal.abort(), lead: async () => { t.fail('led') } })
  t.same(store.requests, [])
})

t.test('a challenge takes the lease now, whatever is left of it', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(0)
  const second = stage.player()
  await stage.pass(100)
  first.store.otherwise = 'hang'
  second.elector.challenge(first.elector.identity)
  await stage.pass(0)
  t.same(second.story, ['acquired: challenged'])
  t.equal(stage.lease.record?.leaseTransitions, 1)
})

t.test('of two challengers one wins, and the other does not depose it', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(0)
  const [second, third] = [stage.player(), stage.player()]
  await stage.pass(100)
  first.store.otherwise = 'hang'
  for (const { elector } of [second, third]) elector.challenge(first.elector.identity)
  await stage.pass(10_000)
  t.equal([second, third].filter(({ elector }) => elector.isLeading).length, 1)
  t.equal(stage.lease.record?.leaseTransitions, 1)
})

t.test('a leader is not impressed by challenges', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(0)
  first.elector.challenge('usurper')
  stage.lease.edit({ holderIdentity: 'usurper' })
  await stage.pass(10_000)
  t.equal(stage.lease.record?.holderIdentity, 'usurper')
})

t.test('keepLeadingWhileUnreachable: nobody to ask is no reason to stop, another holder is', async (t) => {
  const stage = new Stage()
  const first = stage.player({ keepLeadingWhileUnreachable: true })
  await stage.pass(0)
  first.store.otherwise = unavailable
  await stage.pass(120_000)
  t.equal(first.elector.isLeading, true)
  t.same(first.elector.health(), { healthy: true })
  t.ok(first.story.includes('leading-unconfirmed'))
  first.work.term.assertCurrent()
  stage.lease.edit({ holderIdentity: 'other' })
  first.store.otherwise = 'answer'
  await stage.pass(2_000)
  t.equal(first.elector.isLeading, false)
  t.equal(first.story.at(-2), 'term-ended: superseded')
})

t.test('keepLeadingWhileUnreachable: a store that answers "no" ends the term at the deadline', async (t) => {
  const stage = new Stage()
  const first = stage.player({ keepLeadingWhileUnreachable: true })
  await stage.pass(0)
  first.store.otherwise = forbidden
  await stage.pass(9_999)
  t.equal(first.elector.isLeading, true)
  await stage.pass(2_001)
  t.equal(first.elector.isLeading, false)
})

t.test('keepLeadingWhileUnreachable: after a freeze it asks before it stops', async (t) => {
  const stage = new Stage()
  const clock = new FakeClock(stage.scheduler)
  const first = stage.player({ keepLeadingWhileUnreachable: true, frozenBy: clock })
  await stage.pass(1_000)
  clock.freeze()
  await stage.pass(60_000)
  clock.thaw()
  await stage.pass(0)
  t.same(first.story, ['acquired: created'], 'nobody took it: the term goes on')
  clock.freeze()
  stage.lease.edit({ holderIdentity: 'other' })
  await stage.pass(60_000)
  clock.thaw()
  await stage.pass(0)
  t.same(first.story.slice(1), ['term-ended: superseded', 'work-ended'])
})

t.test('unhealthy: a leader that was not renewed and did not stop', async (t) => {
  const stage = new Stage()
  const clock = new FakeClock(stage.scheduler)
  const first = stage.player({ frozenBy: clock })
  await stage.pass(1_000)
  t.same(first.elector.health(), { healthy: true })
  clock.freeze()
  await stage.pass(15_000)
  t.match(first.elector.health(), { healthy: false, reason: /leading, and not renewed for 16000 ms/ })
})

t.test('unhealthy: work that goes on although the lease was lost', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  first.stopsWhenTold = false
  await stage.pass(0)
  first.store.otherwise = unavailable
  await stage.pass(10_000 + 15_000)
  t.equal(first.elector.isLeading, false)
  t.same(first.elector.health(), { healthy: true }, 'it has one lease duration to stop')
  await stage.pass(1_000)
  t.match(first.elector.health(), { healthy: false, reason: /the term ended 16000 ms ago, and its work has not/ })
  t.equal(first.works.length, 1, 'and none is begun beside it')
  first.work.finish()
  await stage.pass(0)
  t.same(first.elector.health(), { healthy: true })
})

t.test('run() is for one caller at a time, and can be called again', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(0)
  await t.rejects(first.elector.run({ signal: new AbortController().signal, lead: async () => {} }), /run\(\) is under way/)
  first.stop()
  await first.finished
  const again = new AbortController()
  const finished = first.elector.run({ signal: again.signal, lead: async () => { again.abort() } })
  await stage.pass(10_000)
  await finished
})

t.test('a failing watch is reported and costs nothing else', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  await stage.pass(0)
  first.store.observer?.onError(new Error('no watch'))
  t.same(first.story, ['acquired: created', 'watch-failed'])
  t.equal(first.elector.isLeading, true)
})

t.test('asked to stop at any moment of its winning, it stops', async (t) => {
  for (let turns = 0; turns < 40; turns++) {
    const stage = new Stage()
    const store = new MemoryLeaseStore(stage.lease)
    const stop = new AbortController()
    const abortIn = (turns: number) => { if (turns === 0) stop.abort(); else queueMicrotask(() => { abortIn(turns - 1) }) }
    store.onRequest = (operation) => { if (operation === 'create') abortIn(turns) }
    const elector = new LeaderElector({ store, identity: 'a', clock: new FakeClock(stage.scheduler) })
    let stopped = false
    const finished = elector.run({
      signal: stop.signal,
      // As work does that cannot imagine to be told before it began.
      lead: ({ signal }) => new Promise((resolve) => { signal.addEventListener('abort', () => { resolve() }) })
    }).then(() => { stopped = true })
    await stage.pass(10_000)
    t.equal(stopped, true, `after ${turns} turns`)
    await finished
    t.equal(stage.lease.record?.holderIdentity, '')
  }
})

t.test('stopped by who hears that it has won, it does not begin', async (t) => {
  const stage = new Stage()
  const stop = new AbortController()
  const elector = new LeaderElector({
    store: new MemoryLeaseStore(stage.lease),
    identity: 'a',
    clock: new FakeClock(stage.scheduler),
    onEvent: ({ type }) => { if (type === 'acquired') stop.abort() }
  })
  await elector.run({ signal: stop.signal, lead: async () => { t.fail('led') } })
  t.equal(stage.lease.record?.holderIdentity, '')
})

t.test('a store that answers every write with "conflict", as an admission webhook can, gets no storm of requests', async (t) => {
  const conflict = async () => { throw new LeaseStoreError('conflict', 'says an admission webhook') }
  const stage = new Stage()
  const first = stage.player()
  first.store.create = conflict
  await stage.pass(60_000)
  t.equal(first.works.length, 0)
  t.ok(first.store.requests.length < 90, `read ${first.store.requests.length} times in a minute`)

  const second = stage.player()
  await stage.pass(0)
  t.equal(second.works.length, 1)
  second.store.update = conflict
  second.store.requests.length = 0
  second.stop()
  await stage.pass(10_000)
  await second.finished
  t.equal(second.story.at(-1), 'release-failed: conflict')
  t.ok(second.store.requests.length < 12, `read ${second.store.requests.length} times to release`)
})

t.test('keepLeadingWhileUnreachable: work that asks before each step causes no request with each of them', async (t) => {
  const stage = new Stage()
  const first = stage.player({ keepLeadingWhileUnreachable: true })
  await stage.pass(0)
  first.store.otherwise = unavailable
  await stage.pass(20_000)
  const before = first.store.requests.length
  for (let step = 0; step < 100; step++) {
    first.work.term.assertCurrent()
    await stage.pass(1)
  }
  t.ok(first.store.requests.length - before <= 1, `${first.store.requests.length - before} requests in 100 ms`)
})

t.test('after a machine was suspended, the first timer that fires ends the term, whichever it is', async (t) => {
  // The timers of a suspended machine stand still with it; the clock does not.
  let suspendedMs = 0
  const stage = new Stage()
  class SuspendedClock extends FakeClock {
    override now () { return super.now() + suspendedMs }
  }
  const first = stage.player({ frozenBy: new SuspendedClock(stage.scheduler) })
  await stage.pass(1_000)
  suspendedMs = 60_000
  t.equal(first.elector.isLeading, false, 'who asks is told at once')
  first.store.otherwise = 'hang'
  await stage.pass(1_000)
  t.same(first.story, ['acquired: created', 'term-ended: not-renewed', 'work-ended'])
})

t.test('a renewal whose reply took longer than the deadline confirms nothing', async (t) => {
  const stage = new Stage()
  const clock = new FakeClock(stage.scheduler)
  const first = stage.player({ frozenBy: clock })
  await stage.pass(1_000)
  const { promise, resolve } = Promise.withResolvers<void>()
  const update = first.store.update.bind(first.store)
  first.store.update = async (record, version) => {
    const snapshot = await update(record, version)
    first.store.otherwise = 'hang'
    await promise
    return snapshot
  }
  await stage.pass(1_000)
  clock.freeze()
  await stage.pass(30_000)
  // Woken by the network, before any timer.
  resolve()
  await stage.pass(0)
  t.same(first.story, ['acquired: created', 'term-ended: not-renewed', 'work-ended'])
})

t.test('a challenge while a lost term winds down counts afterwards', async (t) => {
  const stage = new Stage()
  const first = stage.player()
  first.stopsWhenTold = false
  await stage.pass(0)
  stage.lease.edit({ holderIdentity: 'other', leaseTransitions: 1 })
  await stage.pass(2_000)
  t.equal(first.elector.isLeading, false)
  first.elector.challenge('other')
  first.work.finish()
  await stage.pass(0)
  t.same(first.story.slice(1), ['term-ended: superseded', 'work-ended', 'acquired: challenged'])
})
