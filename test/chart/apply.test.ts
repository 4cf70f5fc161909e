import { helmProgram } from '@orders/testing/servers'
import { testKubernetes } from '@orders/testing/framework'
import t from 'tap'
import { renderChart, valueSets } from '../../tools/generate/chart/value-sets.ts'
import { ApiServer } from './api-server.ts'
import { nameOf, splitManifests } from './manifests.ts'
import { installStrimziCrds } from './strimzi-crds.ts'
import { testNamespace } from './test-namespace.ts'

const helm = await helmProgram((line) => { t.comment(line) })
const server = ApiServer.fromFile((await testKubernetes(t)).kubeconfig)
await installStrimziCrds(server)
/** Of operators whose definitions are not here. */
const NOT_HERE = ['postgresql.cnpg.io', 'keda.sh', 'monitoring.coreos.com', 'gateway.networking.k8s.io']

for (const name of await valueSets()) {
  t.test(`${name}: the API server takes every object, without a warning`, async (t) => {
    const namespace = await testNamespace(t, server)
    const manifests = splitManifests(await renderChart(helm, name, namespace))
    t.ok(manifests.length > 20, `${manifests.length} objects`)
    for (const manifest of manifests) {
      const { object, text } = manifest
      if (NOT_HERE.some((group) => object.apiVersion.startsWith(group))) {
        t.comment(`${nameOf(manifest)} is not tried: this API server does not know ${object.apiVersion}`)
        continue
      }
      const { status, body, warnings } = await server.apply(text, { ...object, metadata: { ...object.metadata, namespace } }, { dryRun: true })
      t.equal(status, 201, `${nameOf(manifest)} ${status === 201 ? '' : String(body.message)}`)
      t.same(warnings, [], `${nameOf(manifest)}: no warnings`)
    }
  })
}

t.test('a field that does not exist, and a pod that Pod Security refuses, would be noticed', async (t) => {
  const namespace = await testNamespace(t, server)
  const attempt = async (apiVersion: string, kind: string, spec: string) => server.apply(
    `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: x}\nspec: ${spec}`, { apiVersion, kind, metadata: { name: 'x', namespace } }, { dryRun: true })
  t.match((await attempt('v1', 'Service', '{ports: [{port: 80}], selectors: {a: b}}')).body.message, /selectors/)
  const { warnings } = await attempt('apps/v1', 'Deployment',
    '{selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}')
  t.match(warnings.join(), /would violate PodSecurity/)
  t.match((await attempt('kafka.strimzi.io/v1', 'Kafka', '{entityOperator: {userOperator: {startupProbe: {}}}}')).body.message, /startupProbe/)
})
