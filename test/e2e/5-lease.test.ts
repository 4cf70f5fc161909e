import { setTimeout as delay } from 'node:timers/promises'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { getObject, kubectl, leader, leaseName, RELAY, release, restoreObject, rolledOut } from './cluster.ts'
import { Load } from './load.ts'
import { nothingLost } from './load-result.ts'

t.setTimeout(900_000)

const API_SERVER_POLICY = `${RELAY}-api-server`

t.test('the Lease is deleted under load, and a relay creates it again', async (t) => {
  const lease = await leaseName()
  const load = await Load.start(t)
  await kubectl('delete', 'lease', lease)
  t.teardown(() => restoreObject('Lease', lease).catch(() => {}))
  // Long enough for the holder to be refused, and for standbys to look for it.
  await delay(5_000)
  await restoreObject('Lease', lease)
  const { pod } = await leader()
  t.comment(`led by ${pod}`)
  nothingLost(t, await load.finish())
})

t.test('the relay is cut from the API server under load', async (t) => {
  const load = await Load.start(t)
  await kubectl('delete', 'networkpolicy', API_SERVER_POLICY)
  t.teardown(() => restoreObject('NetworkPolicy', API_SERVER_POLICY).catch(() => {}))
  // Open connections may outlive a policy, and a leader renews over one. New pods have none, so now no relay can lead.
  const relays = ['pod', '-l', `app.kubernetes.io/instance=${release},app.kubernetes.io/component=outbox-relay`]
  await kubectl('delete', ...relays)
  await kubectl('wait', ...relays, '--for=condition=Initialized', '--timeout=300s')
  await delay(20_000)
  const unrenewedMs = await sinceRenewal()
  t.ok(unrenewedMs > 10_000, `the lease has not been renewed for ${unrenewedMs} ms; expected more than 10000: does the network plug-in enforce policies?`)
  await restoreObject('NetworkPolicy', API_SERVER_POLICY)
  await rolledOut(RELAY)
  const { holder } = await leader()
  await until(async () => await sinceRenewal() < 10_000, { what: `the lease of ${holder} to be renewed again`, deadlineMs: 120_000 })
  nothingLost(t, await load.finish())
})

async function sinceRenewal (): Promise<number> {
  const { spec } = await getObject<{ spec: { renewTime?: string } }>('lease', await leaseName())
  return Date.now() - Date.parse(spec.renewTime ?? '')
}
