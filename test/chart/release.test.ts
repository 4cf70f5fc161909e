import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { helmProgram } from '@orders/testing/servers'
import { testKubernetes } from '@orders/testing/framework'
import t from 'tap'
import { CHART, valuesFile } from '../../tools/generate/chart/value-sets.ts'
import { ApiServer } from './api-server.ts'
import { installStrimziCrds } from './strimzi-crds.ts'
import { testNamespace } from './test-namespace.ts'

const EXTERNAL_KAFKA = ['--set', 'kafka.mode=external,kafka.external.brokers=kafka:9092']

const helmFile = await helmProgram((line) => { t.comment(line) })
const { kubeconfig } = await testKubernetes(t)
const server = ApiServer.fromFile(kubeconfig)
const namespace = await testNamespace(t, server)

/** Only Helm 4 applies on the server's side, and knows the option. */
const FORCE = (await promisify(execFile)(helmFile, ['version', '--short'])).stdout.startsWith('v3') ? [] : ['--force-conflicts']

/** @throws with what helm said, in `stderr` */
async function helm (command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(helmFile, [command, 'orders', ...args, '--namespace', namespace, '--kubeconfig', kubeconfig])
  return stdout
}

async function get (path: string): Promise<Record<string, unknown>> {
  const { status, body } = await server.request('GET', path)
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${body.message ?? ''}`)
  return body
}

const chart = fileURLToPath(CHART)
const lease = `${namespace}.orders-outbox-relay-0`
const leasePath = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${lease}`
const passwords = async () => (await get(`/api/v1/namespaces/${namespace}/secrets/orders-database`)).data
const jobs = async () => ((await get(`/apis/batch/v1/namespaces/${namespace}/jobs`)).items as Array<{ metadata: { name: string } }>).map(({ metadata: { name } }) => name)
const deploymentPath = (component: string) => `/apis/apps/v1/namespaces/${namespace}/deployments/orders-${component}`
const replicasOf = async (component: string) => ((await get(deploymentPath(component))).spec as { replicas: number }).replicas
/** As `kubectl scale` does, which makes the number its own. */
const scale = async (component: string, replicas: number) => {
  const { status } = await server.request('PATCH', `${deploymentPath(component)}/scale?fieldManager=kubectl`, JSON.stringify({ spec: { replicas } }), 'application/merge-patch+json')
  if (status !== 200) throw new Error(`expected ${component} to be scaled, found ${status}`)
}
const configOf = async (component: string) => (await get(`/api/v1/namespaces/${namespace}/configmaps/orders-${component}`)).data as Record<string, string>
const relayGeneration = async () => ((await get(`/apis/apps/v1/namespaces/${namespace}/deployments/orders-outbox-relay`)).metadata as { generation: number }).generation

// No controller runs behind this API server: what Helm does is real, and nothing ever becomes ready.
t.test('a life of a release: installed, upgraded, uninstalled, installed again', async (t) => {
  t.match(await helm('install', chart, ...EXTERNAL_KAFKA), /helm -n \S+ test orders/)
  const first = await passwords()
  t.same(await jobs(), ['orders-migrations-1'])

  const held = { spec: { holderIdentity: 'relay-1', leaseDurationSeconds: 15 } }
  await server.request('PATCH', leasePath, JSON.stringify(held), 'application/merge-patch+json')
  await helm('upgrade', chart, ...EXTERNAL_KAFKA)
  t.same(await passwords(), first, 'an upgrade keeps the passwords')
  t.same(await jobs(), ['orders-migrations-2'], 'and migrates again, by another Job')
  t.equal(await relayGeneration(), 1, 'and leaves pods alone that do not change')
  t.match(await get(leasePath), held, 'and the Lease its holder')

  await server.request('DELETE', leasePath)
  await helm('upgrade', chart, ...EXTERNAL_KAFKA)
  t.match(await get(leasePath), { metadata: { name: lease } }, 'a Lease that was deleted is made again')

  await helm('upgrade', chart, ...EXTERNAL_KAFKA, '--set', 'outboxRelay.settings.RELAY_BATCH_EVENTS=10')
  t.equal(await relayGeneration(), 2, 'a changed setting starts the pods anew')

  await helm('uninstall')
  t.same(await passwords(), first, 'passwords stay, for the data does')
  t.equal((await server.request('GET', leasePath)).status, 404)
  await helm('install', chart, ...EXTERNAL_KAFKA)
  t.same(await passwords(), first, 'and the next release goes on with both')
  await helm('uninstall')
})

t.test('a number of replicas set by kubectl scale survives an upgrade; a changed value replaces it', async (t) => {
  await helm('install', chart, ...EXTERNAL_KAFKA)
  await scale('outbox-relay', 1)
  await scale('order-api', 5)
  await helm('upgrade', chart, ...EXTERNAL_KAFKA, '--set', 'outboxRelay.settings.RELAY_BATCH_EVENTS=10')
  t.same([await replicasOf('outbox-relay'), await replicasOf('order-api'), await replicasOf('order-consumer')], [1, 5, 2])
  await scale('outbox-relay', 4)
  await helm('upgrade', chart, ...EXTERNAL_KAFKA)
  t.equal(await replicasOf('outbox-relay'), 4, 'also a second time')
  await helm('upgrade', chart, ...EXTERNAL_KAFKA, '--set', 'orderConsumer.replicas=3')
  t.equal(await replicasOf('order-consumer'), 3, 'a changed value applies if kubectl has not scaled')
  await scale('order-consumer', 1)
  await helm('upgrade', chart, ...EXTERNAL_KAFKA, '--set', 'orderConsumer.replicas=4', ...FORCE)
  t.equal(await replicasOf('order-consumer'), 4, 'and otherwise with the option that the README names')
  await helm('uninstall')
})

t.test('a NetworkPolicy that was made again by hand, as it was, is no obstacle', async (t) => {
  await helm('install', chart, ...EXTERNAL_KAFKA)
  const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies/orders-outbox-relay-api-server`
  const { metadata, ...policy } = await get(path)
  const { name, labels, annotations } = metadata as Record<string, unknown>
  await server.request('DELETE', path)
  const { status } = await server.request('POST', `${path.slice(0, path.lastIndexOf('/'))}?fieldManager=kubectl-create`, JSON.stringify({ ...policy, metadata: { name, labels, annotations } }))
  t.equal(status, 201)
  await helm('upgrade', chart, ...EXTERNAL_KAFKA)
  await helm('uninstall')
})

t.test('the migration Job of a failed upgrade is forgotten by Helm; it has an owner that goes with the release, and an end', async (t) => {
  await helm('install', chart, ...EXTERNAL_KAFKA)
  await t.rejects(helm('upgrade', chart, ...EXTERNAL_KAFKA, '--wait', '--timeout', '2s'), 'nothing becomes ready here')
  await helm('upgrade', chart, ...EXTERNAL_KAFKA)
  t.same(await jobs(), ['orders-migrations-2', 'orders-migrations-3'], 'the one of revision 2 is left')
  const left = await get(`/apis/batch/v1/namespaces/${namespace}/jobs/orders-migrations-2`)
  const account = await get(`/api/v1/namespaces/${namespace}/serviceaccounts/orders-migrations`)
  t.match(left, {
    metadata: { ownerReferences: [{ kind: 'ServiceAccount', name: 'orders-migrations', uid: (account.metadata as { uid: string }).uid }] },
    spec: { ttlSecondsAfterFinished: 86_400, activeDeadlineSeconds: 86_400 }
  })
  await helm('uninstall')
  t.equal((await server.request('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/orders-migrations`)).status, 404, 'the owner goes')
  // By the garbage collector in a cluster; none runs here.
  await server.request('DELETE', `/apis/batch/v1/namespaces/${namespace}/jobs/orders-migrations-2`)
})

t.test('names in Kafka have the namespace in them, and a release keeps the ones that it was installed with', async (t) => {
  await helm('install', chart, ...EXTERNAL_KAFKA)
  t.equal((await configOf('outbox-relay')).RELAY_NAME, `${namespace}.orders-outbox-relay`)
  t.equal((await configOf('order-consumer')).CONSUMER_GROUP, `${namespace}.orders-order-consumer`)
  await helm('uninstall')
  await helm('install', chart, ...EXTERNAL_KAFKA, '--set', 'outboxRelay.name=orders-outbox-relay,orderConsumer.group=order-group')
  await helm('upgrade', chart, ...EXTERNAL_KAFKA)
  t.equal((await configOf('outbox-relay')).RELAY_NAME, 'orders-outbox-relay', 'as releases of chart 0.1.0 have it')
  t.equal((await configOf('order-consumer')).CONSUMER_GROUP, 'order-group')
  await helm('uninstall')
})

t.test('with Strimzi: passwords of the users are kept; the number of brokers cannot be changed, and the error says so', async (t) => {
  await installStrimziCrds(server)
  const password = async () => (await get(`/api/v1/namespaces/${namespace}/secrets/orders-outbox-relay-kafka`)).data
  await helm('install', chart)
  const first = await password()
  t.match(first, { username: Buffer.from('orders-outbox-relay').toString('base64'), password: /^\S+$/ })
  await helm('upgrade', chart)
  t.same(await password(), first)
  const { stderr } = await helm('upgrade', chart, '--set', 'kafka.strimzi.replicas=3').catch((error: unknown) => error) as { stderr: string }
  t.match(stderr, /kafka\.strimzi\.replicas: expected 1, as KafkaNodePool orders has, found 3: each of these brokers is a controller too/)
  await helm('upgrade', chart)
  await helm('uninstall')
})

t.test('the least that works, and everything external, are installed too', async (t) => {
  for (const set of ['minimal', 'external']) {
    t.match(await helm('install', chart, '--values', valuesFile(set)), /STATUS: deployed/, set)
    await helm('uninstall')
  }
})

t.test('an operator that is missing is named, with what to do', async (t) => {
  const { stderr } = await helm('install', chart, ...EXTERNAL_KAFKA, '--set', 'postgres.mode=cloudnativepg').catch((error: unknown) => error) as { stderr: string }
  t.match(stderr, /postgres\.mode cloudnativepg needs the API postgresql\.cnpg\.io\/v1, and this cluster does not have it\. Install the CloudNativePG operator/)
})
