import type { LeaseTerm } from '@orders/leader-election'
import { LeaderElector } from '@orders/leader-election'
import { until } from '@orders/testing/framework'
import type { Test } from 'tap'
import type { Platform } from './platform.ts'
import { PATIENT_TIMINGS, RunningElector, SHORT_TIMINGS, STEADY_TIMINGS } from './running-elector.ts'

const DEAD = { holderIdentity: 'dead', leaseDurationSeconds: 1, acquireTime: '2026-01-02T03:04:05.123456Z', renewTime: '2026-01-02T03:04:05.123456Z', leaseTransitions: 3 }
const asking = () => ({ signal: AbortSignal.timeout(10_000), timeoutMs: 10_000 })

/** What the users of an elector expect, on a real server. */
export function electorConformance (t: Test, platform: Platform): void {
  t.test('the first elector leads and renews, the others stand by', async (t) => {
    const lease = platform()
    const first = new RunningElector(t, lease.store(), STEADY_TIMINGS)
    await first.untilLeading()
    const second = new RunningElector(t, lease.store(), STEADY_TIMINGS)
    await second.untilStandby(first.identity)
    await first.untilNext('renewed')
    await first.untilNext('renewed')
    t.same(first.all('acquired').map(({ because, transitions }) => [because, transitions]), [['created', 0]])
    t.same(second.all('acquired'), [])
    t.same((await lease.store().get(asking())).record.holderIdentity, first.identity)
    t.same([...first.all('attempt-failed'), ...second.all('attempt-failed')], [])
  })

  t.test('a released lease is seen and taken at once', async (t) => {
    const lease = platform()
    const first = new RunningElector(t, lease.store(), PATIENT_TIMINGS)
    await first.untilLeading()
    const second = new RunningElector(t, lease.store(), PATIENT_TIMINGS)
    await second.untilStandby(first.identity)
    await first.stop()
    const told = first.events.map(({ type }) => type).filter((type) => type !== 'holder-changed' && type !== 'renewed')
    t.same(told, ['acquired', 'term-ended', 'work-ended', 'released'])
    await second.untilLeading()
    t.match(second.all('acquired'), [{ because: 'free', transitions: 1 }])
  })

  t.test('a lease without a holder is taken at the first read', async (t) => {
    const lease = platform()
    await lease.store().create({ ...DEAD, holderIdentity: '', leaseDurationSeconds: 3_600 }, asking())
    const only = new RunningElector(t, lease.store(), PATIENT_TIMINGS)
    await only.untilLeading()
    t.match(only.all('acquired'), [{ because: 'free', transitions: 4 }])
  })

  t.test('the lease of a dead holder is taken when it has expired', async (t) => {
    const lease = platform()
    await lease.store().create(DEAD, asking())
    const second = new RunningElector(t, lease.store())
    await second.untilLeading()
    t.match(second.all('acquired'), [{ because: 'expired', transitions: 4 }])
    t.match(second.all('holder-changed')[0], { holder: 'dead' }, 'it stood by first')
  })

  t.test('a malformed record stops no elector', async (t) => {
    const lease = platform()
    await lease.store().create(DEAD, asking())
    await lease.edit({ leaseDurationSeconds: 2_147_483_647, leaseTransitions: 2_147_483_647 })
    const second = new RunningElector(t, lease.store())
    await second.untilLeading()
    t.match(second.all('acquired'), [{ because: 'expired', transitions: 1 }])
    t.equal(second.all('malformed-record').length, 1)
    const { record, problems } = await lease.store().get(asking())
    t.same([record.holderIdentity, record.leaseDurationSeconds, problems], [second.identity, 3, []], 'and the record is valid again')
  })

  t.test('five electors take turns: one leads at a time, and every change of holder is counted', async (t) => {
    const lease = platform()
    const stop = new AbortController()
    const atWork = new Set<string>()
    const terms: Array<{ holder: string, transitions: number }> = []
    const enough = Promise.withResolvers<void>()
    const electors = Array.from({ length: 5 }, (_, index) => new LeaderElector({
      ...SHORT_TIMINGS, retryPeriodMs: 100, store: lease.store(), identity: `candidate-${index}`
    }))
    const work = async (elector: LeaderElector, term: LeaseTerm): Promise<void> => {
      atWork.add(elector.identity)
      terms.push({ holder: elector.identity, transitions: term.transitions })
      t.same([...atWork], [elector.identity], 'alone at work')
      // A round trip to the server, so that another elector would have time to begin.
      t.equal((await lease.store().get(asking())).record.holderIdentity, elector.identity, 'and the record says so')
      atWork.delete(elector.identity)
      if (terms.length >= 15 && new Set(terms.map(({ holder }) => holder)).size === electors.length) enough.resolve()
    }
    const runs = electors.map((elector) => elector.run({ signal: stop.signal, lead: (term) => work(elector, term) }))
    t.teardown(async () => {
      stop.abort()
      await Promise.all(runs)
    })
    await enough.promise
    stop.abort()
    await Promise.all(runs)
    t.same(terms.map(({ transitions }) => transitions), terms.map((_, index) => index), 'counted without a gap')
    t.equal((await lease.store().get(asking())).record.holderIdentity, '')
  })

  t.test('an unrelated edit of the record does not disturb its holder', async (t) => {
    const lease = platform()
    const first = new RunningElector(t, lease.store(), STEADY_TIMINGS)
    await first.untilLeading()
    await lease.touch()
    await first.untilNext('renewed')
    await first.untilNext('renewed')
    t.same(first.all('term-ended'), [])
    t.equal(first.terms.length, 1)
  })

  t.test('a deleted record is created again by its holder, with its count, and is not taken by another elector', async (t) => {
    const lease = platform()
    await lease.store().create({ ...DEAD, holderIdentity: '' }, asking())
    const first = new RunningElector(t, lease.store(), STEADY_TIMINGS)
    await first.untilLeading()
    const second = new RunningElector(t, lease.store(), STEADY_TIMINGS)
    await second.untilStandby(first.identity)
    await lease.delete()
    await until(async () => (await lease.store().get(asking())).record.holderIdentity === first.identity, { what: 'the record again' })
    await first.untilNext('renewed')
    t.equal((await lease.store().get(asking())).record.leaseTransitions, 4)
    t.same([first.all('term-ended'), second.all('acquired')], [[], []])
  })

  t.test('a leader whose lease was taken stops', async (t) => {
    const lease = platform()
    const first = new RunningElector(t, lease.store())
    await first.untilLeading()
    await lease.edit({ holderIdentity: 'usurper' })
    await first.untilNext('work-ended')
    t.match(first.all('term-ended'), [{ reason: 'superseded' }])
  })

  t.test('a challenge of the current holder takes the lease at once, and the watch tells the former holder', async (t) => {
    const lease = platform()
    const first = new RunningElector(t, lease.store(), PATIENT_TIMINGS)
    await first.untilLeading()
    const second = new RunningElector(t, lease.store(), PATIENT_TIMINGS)
    await second.untilStandby(first.identity)
    second.elector.challenge(first.identity)
    await second.untilLeading()
    t.match(second.all('acquired'), [{ because: 'challenged', transitions: 1 }])
    await until(() => first.all('term-ended').length === 1, { what: 'the former leader to be told' })
    t.match(first.all('term-ended'), [{ reason: 'superseded' }])
  })

  t.test('a challenge of another holder is void', async (t) => {
    const lease = platform()
    const first = new RunningElector(t, lease.store(), PATIENT_TIMINGS)
    await first.untilLeading()
    const second = new RunningElector(t, lease.store(), PATIENT_TIMINGS)
    await second.untilStandby(first.identity)
    second.elector.challenge('a former holder')
    await until(() => second.all('challenge-void').length === 1, { what: 'the challenge to be void' })
    t.match(second.all('challenge-void'), [{ holder: 'a former holder', found: first.identity }])
    t.same([first.isLeading, second.isLeading], [true, false])
  })
}
