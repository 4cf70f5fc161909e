import { KubernetesLeaseStore } from '@orders/leader-election/kubernetes'
import { Kubernetes } from '@orders/testing/servers'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { NO_ANOMALIES, RelayFixture, type Relay } from './fixture/relay-fixture.ts'
import { SHORT_LEASE } from './fixture/zombie.ts'

const AGGREGATES = ['a', 'b', 'c', 'd', 'e']
const kubernetes = await Kubernetes.start()
t.teardown(() => kubernetes.close())
const settings = { ...SHORT_LEASE, RELAY_LEASE: 'kubernetes', KUBECONFIG: kubernetes.kubeconfig }

/** The holder of the Lease, by the name it was started with. */
async function holder (fixture: RelayFixture, shard = 0): Promise<string> {
  const store = new KubernetesLeaseStore({
    namespace: 'default', name: `${fixture.relayName}-${shard}`, loadConfig: (config) => { config.loadFromFile(kubernetes.kubeconfig) }
  })
  const { record } = await store.get({ timeoutMs: 5_000, signal: AbortSignal.timeout(5_000) })
  return record.holderIdentity.replace(/-[0-9a-f]{8}_[^_]*$/, '')
}

const countOf = ({ service }: Relay, name: string) => service.logs.filter(({ event }) => event === name).length

t.test('a Kubernetes Lease, and an API server that stops and comes back', async (t) => {
  const fixture = await RelayFixture.create(t, { settings })
  const relays = await Promise.all([fixture.relay('one'), fixture.relay('two')])
  const named = (name: string | undefined) => relays.find((relay) => relay.name === name)
  const leader = await until(async () => named(await fixture.leader()), { what: 'a leader' })
  const standby = relays.find((relay) => relay !== leader)
  if (standby === undefined) throw new Error('expected a standby, found none')

  await t.test('the Lease names the leader', async (t) => {
    await fixture.post(...AGGREGATES)
    await fixture.published()
    t.equal(await holder(fixture), leader.name)
  })

  await t.test('while the API server is away, publishing goes on', async (t) => {
    await kubernetes.stop()
    // More than once: the first time, the lease may not have expired yet.
    await until(async () => {
      await fixture.post(...AGGREGATES)
      await fixture.published()
      return countOf(leader, 'leading_unconfirmed') > 3
    }, { what: 'a leader that cannot renew' })
    t.equal(await fixture.leader(), leader.name, 'no other relay has taken over')
  })

  await t.test('killed meanwhile: the standby takes over without a Lease', async (t) => {
    leader.service.kill('SIGKILL')
    await fixture.post(...AGGREGATES)
    await fixture.published()
    t.equal(await fixture.leader(), standby.name)
    await leader.service.start()
    await until(async () => {
      await fixture.post(...AGGREGATES)
      await fixture.published()
      return countOf(leader, 'lease_store_failed') > 3
    }, { what: 'the replica that was started again looking for the Lease' })
    t.equal(await fixture.leader(), standby.name, 'a replica that starts does not disturb the leader')
  })

  await t.test('when the API server is back, one leads, and the Lease names it', async (t) => {
    await kubernetes.start()
    await until(async () => {
      await fixture.post(...AGGREGATES)
      const [held, published, ...leading] = await Promise.all([
        holder(fixture), fixture.leader(), ...relays.map(async ({ service }) => (await fixture.metrics(service)).sum('relay_leader'))
      ])
      if (held !== published || leading.reduce((sum, value) => sum + value, 0) !== 1) {
        throw new Error(`the Lease of ${held}, published by ${published}, leading: ${leading.join(', ')}`)
      }
      return true
    }, { what: 'one leader, with the Lease' })
    await fixture.published()
    t.same(await fixture.anomalies(), NO_ANOMALIES)
  })
})

t.test('without the API server no shard is given up: no other replica could take it', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { ...settings, RELAY_SHARDS: '2' } })
  const one = await fixture.relay('one')
  await until(async () => (await fixture.metrics(one.service)).sum('relay_lease_held') === 2, { what: 'both shards led' })
  await kubernetes.stop()
  await until(() => countOf(one, 'leading_unconfirmed') > 1, { what: 'a leader that cannot renew' })
  const two = await fixture.relay('two')
  await until(() => countOf(two, 'lease_store_failed') > 6, { what: 'the other replica looking for the Leases' })
  await fixture.post(...AGGREGATES)
  await fixture.published()
  t.same([await fixture.leader(0), await fixture.leader(1)], ['one', 'one'])
  await kubernetes.start()
  await until(async () => (await fixture.metrics(two.service)).sum('relay_leader') === 1, { what: 'a shard for the other replica' })
  await fixture.published()
  t.same(await fixture.anomalies(), NO_ANOMALIES)
})
