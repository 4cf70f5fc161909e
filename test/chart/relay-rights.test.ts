import { KubernetesLeaseStore } from '@orders/leader-election/kubernetes'
import { helmProgram } from '@orders/testing/servers'
import { testKubernetes, until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { renderChart } from '../../tools/generate/chart/value-sets.ts'
import { ApiServer } from './api-server.ts'
import { splitManifests } from './manifests.ts'
import { testNamespace } from './test-namespace.ts'

const SERVICE_ACCOUNT = 'orders-outbox-relay'

const helm = await helmProgram((line) => { t.comment(line) })
const admin = ApiServer.fromFile((await testKubernetes(t)).kubeconfig)

/** Creates the chart's objects for the relay's rights, and a token of the relay's service account. */
async function build (t: Test) {
  const namespace = await testNamespace(t, admin)
  const leaseName = `${namespace}.orders-outbox-relay-1`
  const manifests = splitManifests(await renderChart(helm, 'default', namespace, '--set', 'outboxRelay.shards=2'))
    .filter(({ object: { kind } }) => ['ServiceAccount', 'Role', 'RoleBinding', 'Lease'].includes(kind))
  for (const { text, object } of manifests) {
    const { status } = await admin.apply(text, { ...object, metadata: { ...object.metadata, namespace } }, { dryRun: false })
    t.equal(status, 201, `${object.kind} ${object.metadata.name}`)
  }
  const { status, body } = await admin.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${SERVICE_ACCOUNT}/token`,
    JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 1_800 } }))
  t.equal(status, 201, 'a token for the service account')
  const config = admin.configFor((body.status as { token: string }).token)
  const relay = new ApiServer(config)
  // The API server applies a new Role a moment after it was created.
  await until(async () => (await relay.request('GET', `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${leaseName}`)).status === 200,
    { what: 'the relay to be allowed its Lease' })
  return { namespace, config, relay, leaseName }
}

t.test('the relay\'s own token is enough for its lease store', async (t) => {
  const { namespace, config, leaseName } = await build(t)
  const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()]
  const store = new KubernetesLeaseStore({
    namespace,
    name: leaseName,
    loadConfig (own) { if (cluster !== null && user !== null) own.loadFromClusterAndUser(cluster, user) }
  })
  const request = { signal: AbortSignal.timeout(30_000), timeoutMs: 30_000 }
  const holders: string[] = []
  const problems: Error[] = []
  const watch = store.watch({
    onHint: (record) => { if (record !== undefined) holders.push(record.holderIdentity) },
    onError: (error) => { problems.push(error) }
  })
  t.teardown(() => watch.close())
  const empty = await store.get(request)
  t.match(empty.record, { holderIdentity: '' }, 'the chart made the lease, and it has no holder')
  const now = new Date().toISOString()
  await store.update({ holderIdentity: 'me', leaseDurationSeconds: 15, acquireTime: now, renewTime: now, leaseTransitions: 1 }, empty.version, request)
  t.match((await store.get(request)).record, { holderIdentity: 'me' })
  await until(() => holders.includes('me'), { what: 'the watch to report the new holder' })
  t.same(problems, [])
})

t.test('everything else is forbidden', async (t) => {
  const { namespace, relay, leaseName } = await build(t)
  const lease = (name: string) => JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace } })
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
  const here = `/api/v1/namespaces/${namespace}`
  const kinds = ['secrets', 'configmaps', 'pods', 'services', 'serviceaccounts', 'events', 'persistentvolumeclaims']
  const attempts: ReadonlyArray<readonly [method: string, path: string, body?: string, contentType?: string]> = [
    ['GET', leases],
    ['GET', `${leases}?watch=true`],
    ['GET', `${leases}?watch=true&fieldSelector=metadata.name%3Dother`],
    ['POST', leases, lease(leaseName)],
    ['POST', leases, lease('other')],
    ['GET', `${leases}/other`],
    ['PUT', `${leases}/other`, lease('other')],
    ['PATCH', `${leases}/${leaseName}`, '{"metadata":{"labels":{"a":"b"}}}', 'application/merge-patch+json'],
    ['DELETE', `${leases}/${leaseName}`],
    ['DELETE', leases],
    ['GET', `/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${leaseName}`],
    ['GET', '/apis/coordination.k8s.io/v1/leases'],
    ...kinds.map((kind) => ['GET', `${here}/${kind}`] as const),
    ['GET', `${here}/secrets/orders-database`],
    ['POST', `${here}/pods`, '{"metadata":{"name":"x"},"spec":{"containers":[{"name":"x","image":"x"}]}}'],
    ['POST', `${here}/events`, '{"metadata":{"name":"x"}}'],
    ['POST', `${here}/serviceaccounts/${SERVICE_ACCOUNT}/token`, '{"spec":{}}'],
    ['GET', `/apis/apps/v1/namespaces/${namespace}/deployments`],
    ['GET', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`],
    ['GET', '/api/v1/namespaces'],
    ['GET', '/api/v1/nodes']
  ]
  for (const [method, path, body, contentType] of attempts) {
    t.equal((await relay.request(method, path, body, contentType)).status, 403, `${method} ${path.replaceAll(namespace, 'NAMESPACE')}`)
  }
})
