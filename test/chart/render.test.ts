import { cp, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { loadYaml } from '@kubernetes/client-node'
import { alternateTransactionalId } from '@orders/kafka'
import { helmProgram } from '@orders/testing/servers'
import t from 'tap'
import { readValues, renderReadme } from '../../tools/generate/chart/render-readme.ts'
import { CHART, goldenFile, renderChart, renderValueSet, runHelm, valueSets, valuesFile } from '../../tools/generate/chart/value-sets.ts'
import { nameOf, splitManifests, type Manifest } from './manifests.ts'
import { operatorPods } from './operator-pods.ts'

interface Schema {
  properties?: Record<string, Schema>
  $ref?: string
  $defs?: Record<string, Schema>
}

interface Container {
  name: string
  securityContext?: unknown
  resources?: { requests?: unknown, limits?: { memory?: string } }
  env?: Array<{ name: string }>
}

interface PodSpec {
  containers: Container[]
  initContainers?: Container[]
}

const helm = await helmProgram((line) => { t.comment(line) })

for (const name of await valueSets()) {
  t.test(`${name}: renders as it is committed (npm run chart), and helm has nothing to say about it`, async (t) => {
    t.equal(await renderValueSet(helm, name), await readFile(goldenFile(name), 'utf8'))
    t.notMatch(await runHelm(helm, 'lint', ['--strict', '--quiet', '--values', valuesFile(name)]), /WARNING|ERROR/)
  })

  t.test(`${name}: properties of every pod`, async (t) => {
    for (const manifest of splitManifests(await readFile(goldenFile(name), 'utf8'))) {
      const pod = podSpec(manifest)
      if (pod === undefined) continue
      const isRelay = manifest.object.kind === 'Deployment' && manifest.object.metadata.name.endsWith('outbox-relay')
      t.match(pod, { automountServiceAccountToken: false, enableServiceLinks: false, securityContext: { runAsNonRoot: true } }, nameOf(manifest))
      t.equal(JSON.stringify(pod).includes('serviceAccountToken'), isRelay, `${nameOf(manifest)}: ${isRelay ? 'has a token, for its Leases' : 'has no token'}`)
      for (const container of [...pod.initContainers ?? [], ...pod.containers]) {
        t.match(container.securityContext, { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }, container.name)
        t.ok(container.resources?.requests !== undefined && container.resources.limits?.memory !== undefined, 'has requests and a limit')
        const variables = (container.env ?? []).map(({ name }) => name)
        t.equal(new Set(variables).size, variables.length, 'no variable twice: Helm 4 refuses it')
      }
    }
  })
}

t.test('the chart leaves replicas to the autoscaler or to kubectl scale', async (t) => {
  const deployments = splitManifests(await renderChart(helm, 'ha', 'orders')).filter(({ object }) => object.kind === 'Deployment')
  const replicas = Object.fromEntries(deployments.map(({ object }) => [object.metadata.name, (object.spec as { replicas?: number }).replicas]))
  t.same(replicas, { 'orders-order-api': undefined, 'orders-order-consumer': undefined, 'orders-outbox-relay': 3 })
})

for (const name of await valueSets()) {
  t.test(`${name}: a new version of the chart alone changes no pod, neither ours nor the operator's`, async (t) => {
    const copy = t.testdir()
    await cp(CHART, copy, { recursive: true })
    const metadata = await readFile(`${copy}/Chart.yaml`, 'utf8')
    await writeFile(`${copy}/Chart.yaml`, metadata.replace(/^version: .*$/m, 'version: 9.9.9').replace(/^appVersion: .*$/m, 'appVersion: 9.9.9'))
    const before = await podsOf(name, fileURLToPath(CHART))
    const after = await podsOf(name, copy)
    t.ok(before.length >= 4, `${before.length} pods`)
    t.same(after, before)
  })
}

/** Templates of our pods, and the pods that the operator makes. The image is stated: another appVersion is another image. */
async function podsOf (name: string, chart: string): Promise<unknown[]> {
  const rendered = await runHelm(helm, 'template', ['--namespace', 'orders', '--values', valuesFile(name), '--set-string', 'image.tag=1'], chart)
  const manifests = splitManifests(rendered.replaceAll(/(checksum\/database: )[0-9a-f]{64}/g, '$1RANDOM'))
  return [...manifests.flatMap((manifest) => podTemplate(manifest) ?? []), ...operatorPods(manifests)]
}

t.test('rights on Kafka are those of every shard, and follow the delivery', async (t) => {
  const acls = async (...args: string[]) => {
    const user = splitManifests(await renderChart(helm, 'default', 'orders', ...args)).find((manifest) => nameOf(manifest) === 'KafkaUser orders-outbox-relay')
    const { authorization } = user?.object.spec as { authorization: { acls: Array<{ resource: { type: string, name: string, patternType: string }, operations: string[] }> } }
    return authorization.acls.map(({ resource: { type, name, patternType }, operations }) => `${patternType} ${type} ${name}: ${operations.join(' ')}`)
  }
  const prefix = 'orders.orders-outbox-relay-'
  t.ok(alternateTransactionalId(`${prefix}1`).startsWith(prefix), 'also of the second transactional id')
  t.same(await acls('--set', 'outboxRelay.shards=2'), [
    'literal topic order-events: Read Write', `prefix group ${prefix}: Read`, `prefix transactionalId ${prefix}: Write`
  ])
  t.same(await acls('--set', 'outboxRelay.delivery=at-least-once'), ['literal topic order-events: Write'])
})

t.test('a dead letter may be larger than the record that it was, by the reason that is added', async (t) => {
  const topics = splitManifests(await renderChart(helm, 'default', 'orders', '--set', 'topics.events.maxMessageBytes=5000000')).filter(({ object }) => object.kind === 'KafkaTopic')
  const largest = topics.map(({ object }) => [object.metadata.name, (object.spec as { config: Record<string, number> }).config['max.message.bytes']])
  t.same(Object.fromEntries(largest), { 'order-events': 5_000_000, 'order-events.dlq': 5_016_384 })
})

t.test('options of Node reach the service that they are for, none the others', async (t) => {
  const manifests = splitManifests(await renderChart(helm, 'default', 'orders', '--set', 'orderApi.nodeOptions=--max-old-space-size=200,outboxRelay.nodeOptions='))
  const options = Object.fromEntries(['order-api', 'outbox-relay', 'order-consumer'].map((service) => {
    const config = manifests.find((manifest) => nameOf(manifest) === `ConfigMap orders-${service}`)
    return [service, (config?.object.data as Record<string, string>).NODE_OPTIONS]
  }))
  t.same(options, { 'order-api': '--max-old-space-size=200', 'outbox-relay': undefined, 'order-consumer': undefined })
})

t.test('images by digest, and everything else that a service can be given, are where they belong', async (t) => {
  const digest = `sha256:${'a'.repeat(64)}`
  const manifests = splitManifests(await renderChart(helm, 'default', 'orders', '--set',
    `image.digests.outboxRelay=${digest},outboxRelay.podLabels.team=a,outboxRelay.priorityClassName=high,outboxRelay.affinity.podAffinity.x=y,` +
    'outboxRelay.extraEnv[0].name=A,outboxRelay.extraEnv[0].value=b,outboxRelay.extraVolumes[0].name=v,outboxRelay.extraVolumeMounts[0].name=v'))
  const deployment = (service: string) => podTemplate(manifests.find((manifest) => nameOf(manifest) === `Deployment orders-${service}`) as Manifest)
  t.match(deployment('outbox-relay'), {
    metadata: { labels: { team: 'a', 'app.kubernetes.io/component': 'outbox-relay' } },
    spec: {
      priorityClassName: 'high',
      affinity: { podAffinity: {} },
      volumes: [{ name: 'database' }, { name: 'kafka-ca' }, { name: 'kafka-user' }, { name: 'api-server' }, { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } }, { name: 'v' }],
      containers: [{ image: `localhost/orders/outbox-relay@${digest}`, env: [{ name: 'A', value: 'b' }] }]
    }
  })
  const { appVersion } = loadYaml<{ appVersion: string }>(await readFile(new URL('Chart.yaml', CHART), 'utf8'))
  t.match(deployment('order-api')?.spec.containers[0], { image: `localhost/orders/order-api:${appVersion}`, env: undefined })
})

t.test('with a CloudNativePG cluster its authority is used, external servers get the one that is named', async (t) => {
  for (const [set, secret] of [['ha', 'orders-postgres-ca'], ['external', 'postgres-ca']] as const) {
    const manifests = splitManifests(await renderChart(helm, set, 'orders'))
    for (const manifest of manifests.filter((manifest) => podTemplate(manifest) !== undefined && nameOf(manifest) !== 'StatefulSet orders-postgres')) {
      const pod = podTemplate(manifest)?.spec as PodSpec & { volumes: unknown[] }
      t.match(pod.volumes.find((volume) => (volume as { name: string }).name === 'database-ca'), { secret: { secretName: secret, items: [{ key: 'ca.crt', path: 'ca.crt' }] } }, `${set} ${nameOf(manifest)}`)
      for (const container of [...pod.initContainers ?? [], ...pod.containers]) {
        t.match((container as { volumeMounts?: unknown[] }).volumeMounts?.find((mount) => (mount as { name: string }).name === 'database-ca'), { mountPath: '/secrets/database-ca' }, container.name)
      }
    }
    for (const service of ['order-api', 'outbox-relay', 'order-consumer']) {
      const config = manifests.find((manifest) => nameOf(manifest) === `ConfigMap orders-${service}`)
      t.match(config?.object.data, { DATABASE_SSL_CA_FILE: '/secrets/database-ca/ca.crt' })
    }
  }
})

t.test('numbers of settings stay numbers, and a setting replaces the chart\'s own', async (t) => {
  const rendered = await renderChart(helm, 'default', 'orders', '--set-json', 'outboxRelay.settings={"RELAY_BATCH_BYTES":104857600,"RELAY_EAGER_TAKEOVER":false}')
  const config = splitManifests(rendered).find((manifest) => nameOf(manifest) === 'ConfigMap orders-outbox-relay')
  t.match(config?.object.data, { RELAY_BATCH_BYTES: '104857600', RELAY_EAGER_TAKEOVER: 'false' }, 'not 1.048576e+08')
})

t.test('names that YAML would read as numbers, null or aliases stay names', async (t) => {
  const manifests = splitManifests(await runHelm(helm, 'template', ['--namespace', 'orders', '--set-string',
    'topics.events.name=1234,outboxRelay.name=0123,orderConsumer.group=1e3: #,orderApi.priorityClassName=true,image.pullSecrets[0]=12,' +
    'orderApi.ingress.host=*.example.com,orderApi.ingress.tlsSecret=0x1f,kafka.strimzi.storage.size=2,kafka.strimzi.relaySecret=123',
    '--set', 'orderApi.ingress.enabled=true,orderConsumer.keda.enabled=true,orderConsumer.keda.lagThreshold=1000000,monitoring.rules.enabled=true,monitoring.rules.oldestAgeSeconds=1000000'
  ], undefined, 'null'))
  const found = (name: string) => manifests.find((manifest) => nameOf(manifest) === name)?.object
  for (const manifest of manifests) {
    const { name, labels } = manifest.object.metadata as { name: unknown, labels: Record<string, unknown> }
    t.match({ name, labels }, { name: String, labels: { 'app.kubernetes.io/instance': 'null' } }, nameOf(manifest))
    for (const [label, value] of Object.entries(labels)) t.type(value, 'string', `${nameOf(manifest)} ${label}`)
  }
  t.match(found('ConfigMap null-outbox-relay'), { data: { RELAY_NAME: '0123', RELAY_DEFAULT_TOPIC: '1234' } })
  t.match(found('ConfigMap null-order-consumer'), { data: { CONSUMER_GROUP: '1e3: #', CONSUMER_TOPIC: '1234' } })
  t.match(found('KafkaTopic 1234'), { metadata: { name: '1234', labels: { 'strimzi.io/cluster': 'null' } } })
  t.match(found('KafkaUser null-order-consumer'), { spec: { authorization: { acls: [{ resource: { name: '1234' } }, { resource: { name: '1e3: #' } }, {}] } } })
  t.match(found('KafkaNodePool null'), { spec: { storage: { volumes: [{ size: '2' }] } } })
  t.match(found('Ingress null-order-api'), { spec: { rules: [{ host: '*.example.com' }], tls: [{ hosts: ['*.example.com'], secretName: '0x1f' }] } })
  t.match(found('Deployment null-order-api'), { spec: { template: { spec: { priorityClassName: 'true', imagePullSecrets: [{ name: '12' }] } } } })
  t.match(found('Deployment null-outbox-relay'), { spec: { template: { spec: { volumes: [{}, {}, { secret: { secretName: '123' } }] } } } })
  t.match(found('ScaledObject null-order-consumer'), { spec: { triggers: [{ metadata: { consumerGroup: '1e3: #', topic: '1234', lagThreshold: '1000000' } }] } })
  t.match(JSON.stringify(found('PrometheusRule null-alerts')), / > 1000000"/)
})

t.test('the README\'s table matches the comments (npm run chart)', async (t) => {
  t.equal(await readFile(new URL('README.md', CHART), 'utf8'), await renderReadme())
})

t.test('every value has a comment and a place in the schema, and the schema has no others', async (t) => {
  const yaml = await readFile(new URL('values.yaml', CHART), 'utf8')
  const schema = JSON.parse(await readFile(new URL('values.schema.json', CHART), 'utf8')) as Schema
  const documented = new Set(readValues(yaml).map(({ path }) => path))
  const compare = (values: Record<string, unknown>, below: Schema, path: string[]) => {
    const { properties = {} } = schema.$defs?.[below.$ref?.replace('#/$defs/', '') ?? ''] ?? below
    // Helm hands every chart a map called global.
    const expected = Object.keys(properties).filter((key) => path.length > 0 || key !== 'global')
    t.same(Object.keys(values).sort(), expected.sort(), path.join('.') || 'top level')
    for (const [key, value] of Object.entries(values)) {
      const name = [...path, key]
      if (documented.has(name.join('.'))) t.ok(key in properties, name.join('.'))
      else if (typeof value === 'object' && value !== null) compare(value as Record<string, unknown>, properties[key] ?? {}, name)
      else t.fail(`${name.join('.')} has no comment`)
    }
  }
  compare(loadYaml(yaml), schema, [])
})

const REFUSED: ReadonlyArray<readonly [values: string, complaint: RegExp]> = [
  ['orderApi.replica=3', /additional properties 'replica' not allowed|Additional property replica is not allowed/],
  ['outboxRelay.replicas=three', /replicas.*want integer|replicas.*Expected: integer/],
  ['outboxRelay.shards=0', /shards/],
  ['outboxRelay.delivery=twice', /exactly-once/],
  ['outboxRelay.lease.durationMs=1500', /durationMs/],
  ['outboxRelay.lease.renewDeadlineMs=20000', /expected renewDeadlineMs \(20000\) below durationMs \(15000\)/],
  ['outboxRelay.lease.retryPeriodMs=9000', /expected 1.2 times retryPeriodMs \(9000\) below renewDeadlineMs \(10000\)/],
  ['outboxRelay.settings.CONSUMER_GROUP=x', /CONSUMER_GROUP/],
  ['outboxRelay.settings.RELAY_NAME=x', /outboxRelay.settings.RELAY_NAME: expected outboxRelay.name instead/],
  ['outboxRelay.settings.RELAY_SHARDS=2', /expected outboxRelay.shards instead/],
  ['outboxRelay.settings.RELAY_DEFAULT_TOPIC=x', /expected topics.events.name instead/],
  ['outboxRelay.settings.RELAY_LEASE_NAMESPACE=x', /expected the namespace of the release instead/],
  ['orderConsumer.settings.CONSUMER_GROUP=x', /orderConsumer.settings.CONSUMER_GROUP: expected orderConsumer.group instead/],
  ['orderConsumer.settings.CONSUMER_DEAD_LETTER_TOPIC_FILE=x', /expected topics.deadLetters.name instead/],
  ['orderApi.image=x', /image/],
  ['kafka.mode=external', /brokers/],
  ['kafka.mode=external,kafka.external.brokers=kafka', /brokers/],
  ['kafka.mode=external,kafka.external.brokers=kafka:99999', /brokers/],
  ['kafka.mode=external,kafka.external.brokers=kafka:0', /brokers/],
  ['kafka.mode=external,kafka.external.brokers=http://kafka:9092', /brokers/],
  ['orderApi.autoscaling.enabled=true,orderApi.autoscaling.minReplicas=7', /expected minReplicas \(7\) not above maxReplicas \(6\)/],
  ['orderConsumer.keda.enabled=true,orderConsumer.keda.minReplicas=4', /expected minReplicas \(4\) not above topics.events.partitions \(3\)/],
  ['kafka.mode=external,kafka.external.brokers=k:9092,kafka.external.sasl.mechanism=plain', /relaySecret/],
  ['postgres.mode=external', /existingSecret/],
  ['postgres.mode=mysql', /bundled/],
  ['networkPolicy.dns[0].podSelectors.a=b', /podSelectors/],
  ['topics.events.name=Orders', /topics.*name/],
  ['image.digests.orderApi=1.2.3', /digests.*orderApi/],
  ['orderApi.podLabels.app\\.kubernetes\\.io/name=x', /app\.kubernetes\.io\/name/],
  ['orderApi.ingress.enabled=true', /ingress.*host/],
  ['orderApi.httpRoute.enabled=true', /parentRefs/],
  ['orderApi.extraEnv[0].value=x', /extraEnv/]
]

for (const [values, complaint] of REFUSED) {
  t.test(`refused: ${values}`, async (t) => {
    const found = await renderChart(helm, 'default', 'orders', '--set', values).then(() => 'taken', (error: Error & { stderr: string }) => error.stderr)
    t.match(found, complaint)
  })
}

for (const release of ['123', 'my.release', `${'a'.repeat(39)}.b`]) {
  t.test(`refused: a release called ${release}, which no Service can be called after`, async (t) => {
    const render = (...args: string[]) => runHelm(helm, 'template', ['--values', valuesFile('default'), ...args], undefined, release)
      .then((rendered) => rendered, (error: Error & { stderr: string }) => error.stderr)
    t.match(await render(), `found ${release}. Choose another name for the release, or set fullnameOverride`)
    t.match(await render('--set', 'fullnameOverride=orders'), `app.kubernetes.io/instance: "${release}"`)
  })
}

t.test('the pods of Kafka can exist, whatever the length of the release\'s name', async (t) => {
  for (const length of [6, 30, 31, 40, 53]) {
    const rendered = await runHelm(helm, 'template', ['--set', 'kafka.strimzi.replicas=11'], undefined, 'o'.repeat(length))
    const pods = operatorPods(splitManifests(rendered)).map(({ metadata }) => metadata.name)
    t.equal(pods.length, 12)
    // Ten brokers: a pool that is there keeps its name.
    for (const pod of pods.slice(0, 10)) t.ok(pod.length <= 63, `${pod}: a label and a host name have no more than 63 characters`)
  }
})

t.test('a pod is not killed before the time is over that its settings give it to stop', async (t) => {
  const graceOf = async (service: string, ...args: string[]) => {
    const manifests = splitManifests(await renderChart(helm, 'default', 'orders', ...args))
    const template = podTemplate(manifests.find((manifest) => nameOf(manifest) === `Deployment orders-${service}`) as Manifest)
    return (template?.spec as unknown as { terminationGracePeriodSeconds: number }).terminationGracePeriodSeconds
  }
  t.equal(await graceOf('order-api'), 40)
  t.equal(await graceOf('order-api', '--set', 'orderApi.settings.SHUTDOWN_DELAY_MS=30000'), 60)
  t.equal(await graceOf('order-consumer', '--set-string', 'orderConsumer.settings.SHUTDOWN_DEADLINE_MS=600000'), 620)
  t.equal(await graceOf('outbox-relay', '--set-json', 'outboxRelay.settings={"SHUTDOWN_DEADLINE_MS":60500,"SHUTDOWN_DELAY_MS":0}'), 81)
})

t.test('alerts look at the pods of their release, and not at those of another one whose name begins alike', async (t) => {
  const rendered = await renderChart(helm, 'default', 'orders', '--set', 'monitoring.rules.enabled=true')
  const selectors = [...rendered.matchAll(/namespace="orders",pod=~"([^"]*)"/g)].map(([, pattern = '']) => new RegExp(`^(?:${pattern})$`))
  t.ok(selectors.length > 5)
  for (const selector of selectors) {
    t.match('orders-outbox-relay-7d9f8b6c5-x2x4z', selector)
    t.match('orders-order-consumer-7d9f8b6c5-x2x4z', selector)
    t.notMatch('orders-eu-outbox-relay-7d9f8b6c5-x2x4z', selector)
  }
})

t.test('nobody reads the metrics if no readers are named', async (t) => {
  const policies = splitManifests(await renderChart(helm, 'default', 'orders', '--set-json', 'networkPolicy.monitoring=[]')).filter(({ object }) => object.kind === 'NetworkPolicy')
  t.ok(policies.length > 5)
  for (const policy of policies) t.notMatch(policy.text, /port: ops/, nameOf(policy))
  // An empty list of rules allows nothing, a rule without peers everyone.
  t.match(policies.find((policy) => nameOf(policy) === 'NetworkPolicy orders-outbox-relay')?.object.spec, { policyTypes: ['Ingress', 'Egress'], ingress: [] })
})

const TAKEN = [
  `image.digests.orderApi=sha256:${'0'.repeat(64)},orderApi.podLabels.team=a,orderApi.priorityClassName=high,orderApi.serviceAccountAnnotations.a=b`,
  'outboxRelay.extraEnv[0].name=HTTPS_PROXY,outboxRelay.extraEnv[0].value=x,outboxRelay.extraVolumes[0].name=v,outboxRelay.extraVolumeMounts[0].name=v',
  'orderApi.ingress.enabled=true,orderApi.ingress.host=orders.example,orderConsumer.httpRoute.enabled=true,orderConsumer.httpRoute.parentRefs[0].name=gateway',
  'migrations.ttlSecondsAfterFinished=3600,migrations.nodeSelector.a=b',
  'outboxRelay.shards=64,orderConsumer.settings.CONSUMER_BATCH_EVENTS=1000,orderApi.podAnnotations.a=b',
  'image.prefix=registry.example:5000/team/orders,image.tag=1.2.3-rc.1_4',
  'kafka.mode=external,kafka.external.brokers=a:9092\\,b:9093',
  'postgres.mode=external,postgres.external.existingSecret=mine'
]

for (const values of TAKEN) {
  t.test(`taken: ${values}`, async (t) => {
    t.match(await renderChart(helm, 'default', 'orders', '--set', values), /kind: Deployment/)
  })
}

function podSpec (manifest: Manifest): PodSpec | undefined {
  return manifest.object.kind === 'Pod' ? manifest.object.spec as PodSpec : podTemplate(manifest)?.spec
}

/** Of what makes pods; the pod of the test is made anew each time. */
function podTemplate ({ object: { kind, spec } }: Manifest): { spec: PodSpec } | undefined {
  return ['Deployment', 'StatefulSet', 'Job'].includes(kind) ? (spec as { template: { spec: PodSpec } }).template : undefined
}
