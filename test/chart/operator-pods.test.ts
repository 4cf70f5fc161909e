import { helmProgram } from '@orders/testing/servers'
import { testKubernetes } from '@orders/testing/framework'
import t from 'tap'
import { renderChart, valueSets } from '../../tools/generate/chart/value-sets.ts'
import { ApiServer } from './api-server.ts'
import { splitManifests } from './manifests.ts'
import { operatorPods } from './operator-pods.ts'
import { testNamespace } from './test-namespace.ts'

const helm = await helmProgram((line) => { t.comment(line) })
const server = ApiServer.fromFile((await testKubernetes(t)).kubeconfig)

const create = async (namespace: string, pod: unknown) =>
  server.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All&fieldValidation=Strict`, JSON.stringify(pod))

let tried = 0
for (const name of await valueSets()) {
  t.test(`${name}: the pods that Strimzi makes of the chart are admitted where Pod Security restricted is enforced`, async (t) => {
    const namespace = await testNamespace(t, server)
    const pods = operatorPods(splitManifests(await renderChart(helm, name, namespace)))
    for (const pod of pods) {
      const { status, body, warnings } = await create(namespace, pod)
      t.equal(status, 201, `${pod.metadata.name} ${status === 201 ? '' : String(body.message)}`)
      t.same(warnings, [], `${pod.metadata.name}: no warnings`)
    }
    tried += pods.length
  })
}

t.test('that was tried, and a pod without security contexts is refused', async (t) => {
  t.ok(tried >= 6, `${tried} pods: one broker, three brokers, and an entity operator each`)
  const namespace = await testNamespace(t, server)
  const manifests = splitManifests(await renderChart(helm, 'default', namespace))
  for (const { object } of manifests) {
    const spec = object.spec as { template?: unknown, entityOperator?: { template?: unknown } } | undefined
    if (object.kind === 'KafkaNodePool') delete spec?.template
    if (object.kind === 'Kafka') delete spec?.entityOperator?.template
  }
  const bare = operatorPods(manifests)
  t.equal(bare.length, 2)
  for (const pod of bare) {
    const { status, body } = await create(namespace, pod)
    t.equal(status, 403, pod.metadata.name)
    t.match(body.message, /violates PodSecurity "restricted/)
  }
})
