import { LeaseStoreError, parseRecord, type LeaderElectionRecord } from '@orders/leader-election'
import { until } from '@orders/testing/framework'
import type { Test } from 'tap'
import type { Platform } from './platform.ts'

const RECORD: LeaderElectionRecord = {
  holderIdentity: 'one',
  leaseDurationSeconds: 15,
  acquireTime: '2026-01-02T03:04:05.123456Z',
  renewTime: '2026-01-02T03:04:06.000007Z',
  leaseTransitions: 3
}

const asking = () => ({ signal: AbortSignal.timeout(10_000), timeoutMs: 10_000 })
const reasonOf = (error: unknown) => LeaseStoreError.from(error).reason

/** What the elector expects of any store, on a real server. */
export function storeConformance (t: Test, platform: Platform): void {
  t.test('reading a missing record reports not-found', async (t) => {
    await t.rejects(platform().store().get(asking()), { code: 'LEASE_STORE', reason: 'not-found' })
  })

  t.test('a record is read as it was written, to the microsecond', async (t) => {
    const store = platform().store()
    const created = await store.create(RECORD, asking())
    t.same(created.record, RECORD)
    t.same(created.problems, [])
    t.same(await store.get(asking()), created)
    const changed = { ...RECORD, renewTime: '2026-01-02T03:04:07.999999Z', leaseTransitions: 4 }
    const updated = await store.update(changed, created.version, asking())
    t.same(updated.record, changed)
    t.same((await store.get(asking())).record, changed)
  })

  t.test('a date of this process is written with its milliseconds', async (t) => {
    const { record } = await platform().store().create({ ...RECORD, renewTime: new Date(1_767_323_045_678).toISOString() }, asking())
    t.equal(record.renewTime, '2026-01-02T03:04:05.678000Z')
  })

  t.test('creating a record that exists is a conflict', async (t) => {
    const store = platform().store()
    await store.create(RECORD, asking())
    await t.rejects(store.create({ ...RECORD, holderIdentity: 'two' }, asking()), { code: 'LEASE_STORE', reason: 'conflict' })
    t.equal((await store.get(asking())).record.holderIdentity, 'one')
  })

  t.test('of two concurrent creates, one succeeds', async (t) => {
    const lease = platform()
    const outcomes = await Promise.allSettled(['one', 'two'].map((holderIdentity) => lease.store().create({ ...RECORD, holderIdentity }, asking())))
    t.same(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    t.same(outcomes.flatMap((outcome) => outcome.status === 'rejected' ? [reasonOf(outcome.reason)] : []), ['conflict'])
  })

  t.test('of many concurrent updates of one version, one succeeds', async (t) => {
    const lease = platform()
    const { version } = await lease.store().create(RECORD, asking())
    // None of them the holder: an update that changes nothing is no write to an API server, and succeeds beside another one.
    const names = ['two', 'three', 'four', 'five', 'six']
    const outcomes = await Promise.allSettled(names.map((holderIdentity) => lease.store().update({ ...RECORD, holderIdentity }, version, asking())))
    const winners = outcomes.flatMap((outcome) => outcome.status === 'fulfilled' ? [outcome.value] : [])
    t.equal(winners.length, 1)
    t.same(outcomes.flatMap((outcome) => outcome.status === 'rejected' ? [reasonOf(outcome.reason)] : []), ['conflict', 'conflict', 'conflict', 'conflict'])
    t.same(await lease.store().get(asking()), winners[0])
  })

  t.test('a version can be used once, also when the record is unchanged', async (t) => {
    const store = platform().store()
    const first = await store.create(RECORD, asking())
    await store.update({ ...RECORD, holderIdentity: 'two' }, first.version, asking())
    const { version } = await store.get(asking())
    await store.update(RECORD, version, asking())
    await t.rejects(store.update(RECORD, first.version, asking()), { code: 'LEASE_STORE', reason: 'conflict' })
  })

  t.test('a deleted or recreated record is not replaced by an old version', async (t) => {
    const lease = platform()
    const store = lease.store()
    const { version } = await store.create(RECORD, asking())
    await lease.delete()
    const absent = await store.update(RECORD, version, asking()).catch(reasonOf)
    t.ok(absent === 'conflict' || absent === 'not-found', String(absent))
    await store.create({ ...RECORD, holderIdentity: 'two' }, asking())
    await t.rejects(store.update(RECORD, version, asking()), { code: 'LEASE_STORE', reason: 'conflict' })
    t.equal((await store.get(asking())).record.holderIdentity, 'two')
  })

  t.test('a record edited by hand is read, and its problems are reported', async (t) => {
    const lease = platform()
    const store = lease.store()
    await store.create(RECORD, asking())
    await lease.edit({ leaseDurationSeconds: 2_147_483_647, leaseTransitions: 2_147_483_647 })
    const { record, problems, version } = await store.get(asking())
    t.same({ ...record, acquireTime: RECORD.acquireTime }, { ...RECORD, leaseDurationSeconds: 0, leaseTransitions: 0 })
    t.match(problems, [/leaseDurationSeconds: expected .* from 1 to 3600, found 2147483647/, /leaseTransitions/])
    t.same((await store.update(RECORD, version, asking())).record, RECORD, 'and can be corrected')
  })

  t.test('a watch reports a new holder and a release', async (t) => {
    const lease = platform()
    const store = lease.store()
    const hints: Array<LeaderElectionRecord | undefined> = []
    const watch = lease.store().watch({ onHint: (record) => { hints.push(record) }, onError: (error) => { t.comment(String(error)) } })
    t.teardown(() => watch.close())
    const { version } = await store.create(RECORD, asking())
    await until(() => hints.length > 0, { what: 'a hint of the first holder' })
    const second = await store.update({ ...RECORD, holderIdentity: 'two' }, version, asking())
    await until(() => hints.some((record) => record?.holderIdentity === 'two'), { what: 'a hint of the second holder' })
    const third = await store.update({ ...RECORD, holderIdentity: '' }, second.version, asking())
    const last = await until(() => hints.find((record) => record?.holderIdentity === ''), { what: 'a hint of the release' })
    t.same(last, third.record)
  })

  t.test('a closed watch reports nothing more, and another one can be opened', async (t) => {
    const lease = platform()
    const store = lease.store()
    await store.create(RECORD, asking())
    const hints: unknown[] = []
    const watched = lease.store()
    for (const holderIdentity of ['two', 'three']) {
      const watch = watched.watch({ onHint: (record) => { hints.push(record) }, onError: () => {} })
      await until(() => hints.length > 0, { what: 'a first hint' })
      await watch.close()
      const count = hints.length
      const { version, record } = await store.get(asking())
      await store.update({ ...record, holderIdentity }, version, asking())
      t.same((await watched.get(asking())).record, parseRecord({ ...record, holderIdentity }).record, 'the store itself goes on')
      t.equal(hints.length, count)
      hints.length = 0
    }
  })
}
