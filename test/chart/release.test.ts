import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { helmProgram } from '@orders/local-stack'
import { testKubernetes } from '@orders/local-stack/harness'
import t from 'tap'
import { CHART, valuesFile } from '../../scripts/chart/value-sets.ts'
import { ApiServer } from './api-server.ts'
import { testNamespace } from './test-namespace.ts'

const EXTERNAL_KAFKA = ['--set', 'kafka.mode=external,kafka.external.brokers=kafka:9092']
const LEASE = 'orders-outbox-relay-0'

const helmFile = await helmProgram((line) => { t.comment(line) })
const { kubeconfig } = await testKubernetes(t)
const server = ApiServer.fromFile(kubeconfig)
const namespace = await testNamespace(t, server)

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
const leasePath = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${LEASE}`
const passwords = async () => (await get(`/api/v1/namespaces/${namespace}/secrets/orders-database`)).data
const jobs = async () => ((await get(`/apis/batch/v1/namespaces/${namespace}/jobs`)).items as Array<{ metadata: { name: string } }>).map(({ metadata: { name } }) => name)
const relayGeneration = async () => ((await get(`/apis/apps/v1/namespaces/${namespace}/deployments/orders-outbox-relay`)).metadata as { generation: number }).generation

// No controller runs behind this API server: what Helm does is real, and nothing ever becomes ready.
t.test('a life of a release: installed, upgraded, uninstalled, installed again', async (t) => {
  t.match(await helm('install', chart, ...EXTERNAL_KAFKA), /helm -n \S+ test orders/)
  const first = await passwords()
  t.same(await jobs(), ['orders-migrations-1'])

  const held = { spec: { holderIdentity: 'somebody', leaseDurationSeconds: 15 } }
  await server.request('PATCH', leasePath, JSON.stringify(held), 'application/merge-patch+json')
  await helm('upgrade', chart, ...EXTERNAL_KAFKA)
  t.same(await passwords(), first, 'an upgrade keeps the passwords')
  t.same(await jobs(), ['orders-migrations-2'], 'and migrates again, by another Job')
  t.equal(await relayGeneration(), 1, 'and leaves pods alone that do not change')
  t.match(await get(leasePath), held, 'and the Lease its holder')

  await server.request('DELETE', leasePath)
  await helm('upgrade', chart, ...EXTERNAL_KAFKA)
  t.match(await get(leasePath), { metadata: { name: LEASE } }, 'a Lease that was deleted is made again')

  await helm('upgrade', chart, ...EXTERNAL_KAFKA, '--set', 'outboxRelay.settings.RELAY_BATCH_EVENTS=10')
  t.equal(await relayGeneration(), 2, 'a changed setting starts the pods anew')

  await helm('uninstall')
  t.same(await passwords(), first, 'passwords stay, for the data does')
  t.equal((await server.request('GET', leasePath)).status, 404)
  await helm('install', chart, ...EXTERNAL_KAFKA)
  t.same(await passwords(), first, 'and the next release goes on with both')
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
