// The rights in the README are enough. Without one of them, the error says what to do.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KubernetesLeaseStore } from '@orders/leader-election/kubernetes'
import t from 'tap'
import { PATIENT_TIMINGS, RunningElector, STEADY_TIMINGS } from '../conformance/running-elector.ts'
import { LeaseObjects } from './lease-objects.ts'

const objects = await LeaseObjects.create(t)
const asking = () => ({ signal: AbortSignal.timeout(10_000), timeoutMs: 10_000 })
const rule = (verbs: string[], resourceNames?: string[]) => ({
  apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs, ...(resourceNames === undefined ? {} : { resourceNames })
})

t.test('get, update and watch are enough for a Lease that the installer made, without a spec', async (t) => {
  const name = objects.name()
  const { token } = await objects.serviceAccount([rule(['get', 'update', 'watch'], [name])])
  await objects.create({ metadata: { name } })
  const first = new RunningElector(t, objects.store(name, { user: { token } }), PATIENT_TIMINGS)
  await first.untilLeading()
  t.match(first.all('acquired'), [{ because: 'free', transitions: 1 }])
  const second = new RunningElector(t, objects.store(name, { user: { token } }), PATIENT_TIMINGS)
  await second.untilStandby(first.identity)
  await first.stop()
  await second.untilLeading()
  t.same([...first.events, ...second.events].filter(({ type }) => type === 'watch-failed' || type === 'malformed-record' || type === 'attempt-failed'), [])
  await t.rejects(objects.store(objects.name(), { user: { token } }).get(asking()), { code: 'LEASE_STORE', reason: 'forbidden' }, 'and no other Lease')
})

t.test('no Lease, and no right to create one: the error says what to do, and doing it helps', async (t) => {
  const name = objects.name()
  const { token } = await objects.serviceAccount([rule(['get', 'update', 'watch'], [name])])
  const candidate = new RunningElector(t, objects.store(name, { user: { token } }))
  await candidate.untilSome('attempt-failed')
  t.match(candidate.all('attempt-failed')[0]?.error, {
    reason: 'forbidden', message: new RegExp(`there is no Lease default/${name}: make it \\(it may be empty\\), or allow the verb create \\(.*cannot create resource "leases"`)
  })
  await objects.create({ metadata: { name } })
  await candidate.untilLeading()
})

t.test('with the right to create, it creates the Lease', async (t) => {
  const name = objects.name()
  const { token } = await objects.serviceAccount([rule(['get', 'update', 'watch'], [name]), rule(['create'])])
  const only = new RunningElector(t, objects.store(name, { user: { token } }))
  await only.untilLeading()
  t.match(only.all('acquired'), [{ because: 'created' }])
})

t.test('without the verb watch it reports that, and polls', async (t) => {
  const name = objects.name()
  const { token } = await objects.serviceAccount([rule(['get', 'update'], [name]), rule(['create'])])
  const first = new RunningElector(t, objects.store(name, { user: { token } }))
  await first.untilLeading()
  const second = new RunningElector(t, objects.store(name, { user: { token } }))
  await second.untilStandby(first.identity)
  await second.untilSome('watch-failed')
  t.match(second.all('watch-failed')[0]?.error.message, /watching Lease default\/test-.*: the API server answered 403 Forbidden: allow the verb watch on it/)
  await first.stop()
  await second.untilLeading()
})

t.test('a namespace that does not exist is no outage', async (t) => {
  const store = new KubernetesLeaseStore({ namespace: 'nowhere', name: 'any', loadConfig: (config) => { config.loadFromClusterAndUser(objects.cluster, objects.admin) } })
  const record = { holderIdentity: 'one', leaseDurationSeconds: 15, acquireTime: '', renewTime: '', leaseTransitions: 0 }
  await t.rejects(store.create(record, asking()), { code: 'LEASE_STORE', reason: 'refused', message: /there is no namespace nowhere for Lease nowhere\/any/ })
})

t.test('an unknown token', async (t) => {
  await t.rejects(objects.store(objects.name(), { user: { token: 'made-up' } }).get(asking()), {
    code: 'LEASE_STORE', reason: 'forbidden', message: /the API server answered 401 Unauthorized/
  })
})

t.test('a leader whose token was revoked goes on with the next token of the file, in the same term', async (t) => {
  const name = objects.name()
  const rules = [rule(['get', 'update', 'watch'], [name]), rule(['create'])]
  const [former, next] = [await objects.serviceAccount(rules), await objects.serviceAccount(rules)]
  const tokenFile = join(t.testdir(), 'token')
  await writeFile(tokenFile, former.token)
  const user = { authProvider: { name: 'tokenFile', config: { tokenFile } } }
  const leader = new RunningElector(t, objects.store(name, { user }), STEADY_TIMINGS)
  await leader.untilLeading()
  await former.delete()
  // The API server remembers for some seconds that it knew the token.
  await leader.untilSome('attempt-failed')
  t.match(leader.all('attempt-failed')[0]?.error, { reason: 'forbidden', message: /401/ })
  await writeFile(tokenFile, next.token)
  await leader.untilNext('renewed')
  t.equal(leader.terms.length, 1)
  t.same(leader.all('term-ended'), [])
  const standby = new RunningElector(t, objects.store(name, { user }), PATIENT_TIMINGS)
  await standby.untilStandby(leader.identity)
  await leader.stop()
  await standby.untilLeading()
})
