import { readFile } from 'node:fs/promises'
import { loadYaml } from '@kubernetes/client-node'
import { alternateOf } from '@orders/kafka'
import { helmProgram } from '@orders/local-stack'
import t from 'tap'
import { readValues, renderReadme } from '../../scripts/chart/render-readme.ts'
import { CHART, goldenFile, renderChart, renderValueSet, runHelm, valueSets, valuesFile } from '../../scripts/chart/value-sets.ts'
import { nameOf, splitManifests, type Manifest } from './manifests.ts'

interface Schema {
  properties?: Record<string, Schema>
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

  t.test(`${name}: what every pod has in common`, async (t) => {
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

t.test('replicas are left to whoever scales', async (t) => {
  const deployments = splitManifests(await renderChart(helm, 'ha', 'orders')).filter(({ object }) => object.kind === 'Deployment')
  const replicas = Object.fromEntries(deployments.map(({ object }) => [object.metadata.name, (object.spec as { replicas?: number }).replicas]))
  t.same(replicas, { 'orders-order-api': undefined, 'orders-order-consumer': undefined, 'orders-outbox-relay': 3 })
})

t.test('rights on Kafka follow shards and delivery', async (t) => {
  const acls = async (...args: string[]) => {
    const user = splitManifests(await renderChart(helm, 'default', 'orders', ...args)).find((manifest) => nameOf(manifest) === 'KafkaUser orders-outbox-relay')
    const { authorization } = user?.object.spec as { authorization: { acls: Array<{ resource: { type: string, name: string }, operations: string[] }> } }
    return authorization.acls.map(({ resource: { type, name }, operations }) => `${type} ${name}: ${operations.join(' ')}`)
  }
  const shards = ['orders-outbox-relay-0', 'orders-outbox-relay-1']
  t.same(await acls('--set', 'outboxRelay.shards=2'), [
    'topic order-events: Read Write',
    ...shards.flatMap((name) => [`group ${name}: Read`, `transactionalId ${name}: Write`, `transactionalId ${alternateOf(name)}: Write`])
  ])
  t.same(await acls('--set', 'outboxRelay.delivery=at-least-once'), ['topic order-events: Write'])
})

t.test('a dead letter may be larger than the record that it was, by the verdict', async (t) => {
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

t.test('numbers of settings stay numbers, and a setting replaces the chart\'s own', async (t) => {
  const rendered = await renderChart(helm, 'default', 'orders', '--set-json', 'outboxRelay.settings={"RELAY_BATCH_BYTES":104857600,"RELAY_EAGER_TAKEOVER":false}')
  const config = splitManifests(rendered).find((manifest) => nameOf(manifest) === 'ConfigMap orders-outbox-relay')
  t.match(config?.object.data, { RELAY_BATCH_BYTES: '104857600', RELAY_EAGER_TAKEOVER: 'false' }, 'not 1.048576e+08')
})

t.test('the README\'s table is what the comments say (npm run chart)', async (t) => {
  t.equal(await readFile(new URL('README.md', CHART), 'utf8'), await renderReadme())
})

t.test('every value has a comment and a place in the schema, and the schema has no others', async (t) => {
  const yaml = await readFile(new URL('values.yaml', CHART), 'utf8')
  const schema = JSON.parse(await readFile(new URL('values.schema.json', CHART), 'utf8')) as Schema
  const documented = new Set(readValues(yaml).map(({ path }) => path))
  const compare = (values: Record<string, unknown>, { properties = {} }: Schema, path: string[]) => {
    // Helm hands every chart a map called global.
    const expected = Object.keys(properties).filter((key) => path.length > 0 || key !== 'global')
    t.same(Object.keys(values).sort(), expected.sort(), path.join('.') || 'top level')
    for (const [key, value] of Object.entries(values)) {
      const below = [...path, key]
      if (documented.has(below.join('.'))) t.ok(key in properties, below.join('.'))
      else if (typeof value === 'object' && value !== null) compare(value as Record<string, unknown>, properties[key] ?? {}, below)
      else t.fail(`${below.join('.')} has no comment`)
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
  ['orderApi.image=x', /image/],
  ['kafka.mode=external', /brokers/],
  ['kafka.mode=external,kafka.external.brokers=kafka', /brokers/],
  ['kafka.mode=external,kafka.external.brokers=k:9092,kafka.external.sasl.mechanism=plain', /relaySecret/],
  ['postgres.mode=external', /existingSecret/],
  ['postgres.mode=mysql', /bundled/],
  ['networkPolicy.dns[0].podSelectors.a=b', /podSelectors/],
  ['topics.events.name=Orders', /topics.*name/]
]

for (const [values, complaint] of REFUSED) {
  t.test(`refused: ${values}`, async (t) => {
    const found = await renderChart(helm, 'default', 'orders', '--set', values).then(() => 'taken', (error: Error & { stderr: string }) => error.stderr)
    t.match(found, complaint)
  })
}

const TAKEN = [
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

function podSpec ({ object: { kind, spec } }: Manifest): PodSpec | undefined {
  if (kind === 'Pod') return spec as PodSpec
  return ['Deployment', 'StatefulSet', 'Job'].includes(kind) ? (spec as { template: { spec: PodSpec } }).template.spec : undefined
}
