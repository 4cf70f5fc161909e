import { setTimeout as delay } from 'node:timers/promises'
import { until } from '@orders/local-stack/harness'
import t from 'tap'
import { createObject, getObject, kubectl, leader, LEASE, RELAY, release, rolledOut } from './cluster.ts'
import { Load } from './load.ts'
import { nothingLost } from './verdict.ts'

t.setTimeout(900_000)

interface StoredObject {
  apiVersion: string
  kind: string
  metadata: Record<string, unknown>
  spec?: unknown
}

t.test('the Lease is deleted under load, and made again by whoever may', async (t) => {
  const lease = await getObject<StoredObject>('lease', LEASE)
  const load = await Load.start(t)
  await kubectl('delete', 'lease', LEASE)
  t.teardown(() => createObject({ ...lease, spec: undefined }).catch(() => {}))
  // Long enough for the holder to be refused, and for standbys to look for it.
  await delay(5_000)
  await createObject({ ...lease, spec: undefined })
  const { pod } = await leader()
  t.comment(`led by ${pod}`)
  nothingLost(t, await load.finish())
})

t.test('the relay is cut from the API server under load', async (t) => {
  const policy = await getObject<StoredObject>('networkpolicy', `${RELAY}-api-server`)
  const load = await Load.start(t)
  await kubectl('delete', 'networkpolicy', `${RELAY}-api-server`)
  t.teardown(() => createObject(policy).catch(() => {}))
  // Connections that stand may outlive a policy, and a leader renews by one. New pods have none, so now nobody can lead.
  const relays = ['pod', '-l', `app.kubernetes.io/instance=${release},app.kubernetes.io/component=outbox-relay`]
  await kubectl('delete', ...relays)
  await kubectl('wait', ...relays, '--for=condition=Initialized', '--timeout=120s')
  await delay(20_000)
  const unrenewedMs = await sinceRenewal()
  t.ok(unrenewedMs > 10_000, `the lease has not been renewed for ${unrenewedMs} ms; expected more than 10000: does the network plug-in enforce policies?`)
  await createObject(policy)
  await rolledOut(RELAY)
  const { holder } = await leader()
  await until(async () => await sinceRenewal() < 10_000, { what: `the lease of ${holder} to be renewed again`, deadlineMs: 120_000 })
  nothingLost(t, await load.finish())
})

async function sinceRenewal (): Promise<number> {
  const { spec } = await getObject<{ spec: { renewTime?: string } }>('lease', LEASE)
  return Date.now() - Date.parse(spec.renewTime ?? '')
}
