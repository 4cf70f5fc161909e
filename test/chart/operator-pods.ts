import type { Manifest } from './manifests.ts'

// The pods that Strimzi 1.2 makes of the chart's Kafka and KafkaNodePool, as far as the chart has a say in them: labels, templates,
// resources, probes, volumes. After the operator's model (KafkaCluster, EntityOperator, WorkloadUtils, ContainerUtils, and the
// baseline provider of security contexts, its default). Images, certificates and the configuration itself are left out.

type Json = Record<string, unknown>

interface Template {
  pod?: Json & { metadata?: { labels?: Json, annotations?: Json }, securityContext?: Json, topologySpreadConstraints?: unknown }
  kafkaContainer?: ContainerTemplate
  topicOperatorContainer?: ContainerTemplate
  userOperatorContainer?: ContainerTemplate
}

interface ContainerTemplate {
  env?: unknown[]
  securityContext?: Json
}

interface KafkaSpec {
  kafka: Json & { template?: Template, readinessProbe?: Json, livenessProbe?: Json }
  entityOperator?: { template?: Template, topicOperator?: OperatorSpec, userOperator?: OperatorSpec }
}

interface OperatorSpec {
  resources?: unknown
  readinessProbe?: Json
  livenessProbe?: Json
}

interface PoolSpec {
  replicas: number
  template?: Template
  resources?: unknown
  jvmOptions?: unknown
}

/** STRIMZI_LABELS_EXCLUSION_PATTERN's default: what of a resource's labels is not copied into its pods. */
const NOT_COPIED = /^(app\.kubernetes\.io\/(?!part-of).*|kustomize\.toolkit\.fluxcd\.io.*)$/
/** Pods of these parts of a Kafka are not modelled here: a chart that asks for one has to be tested for it. */
const MODELLED = ['kafka', 'entityOperator']

export interface OperatorPod {
  apiVersion: 'v1'
  kind: 'Pod'
  metadata: { name: string, labels: Json, annotations: Json }
  spec: Json
}

/** @throws when the chart uses a part of the operator that is not modelled */
export function operatorPods (manifests: readonly Manifest[]): OperatorPod[] {
  const kafka = manifests.find(({ object }) => object.kind === 'Kafka')
  if (kafka === undefined) return []
  const cluster = kafka.object.metadata.name
  const spec = kafka.object.spec as unknown as KafkaSpec
  const unknown = Object.keys(spec).filter((part) => !MODELLED.includes(part))
  if (unknown.length > 0) throw new Error(`expected a Kafka of ${MODELLED.join(' and ')}, found ${unknown.join(', ')} too: model their pods here`)

  const pools = manifests.filter(({ object }) => object.kind === 'KafkaNodePool')
  const pods = pools.flatMap((pool) => brokerPods(cluster, kafka, spec, pool))
  if (spec.entityOperator !== undefined) pods.push(entityOperatorPod(cluster, kafka, spec.entityOperator))
  return pods
}

function brokerPods (cluster: string, kafka: Manifest, { kafka: kafkaSpec }: KafkaSpec, pool: Manifest): OperatorPod[] {
  const { replicas, template = kafkaSpec.template ?? {}, resources, jvmOptions } = pool.object.spec as unknown as PoolSpec
  const name = `${cluster}-${pool.object.metadata.name}`
  return Array.from({ length: replicas }, (_, node) => {
    const pod = `${name}-${node}`
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: pod,
        labels: {
          ...copiedLabels(kafka, pool),
          ...operatorLabels(cluster, 'kafka'),
          'strimzi.io/pool-name': pool.object.metadata.name,
          'strimzi.io/pod-name': pod,
          'strimzi.io/broker-role': 'true',
          'strimzi.io/controller-role': 'true',
          'strimzi.io/controller': 'strimzipodset',
          'strimzi.io/controller-name': name,
          ...template.pod?.metadata?.labels
        },
        annotations: { ...template.pod?.metadata?.annotations }
      },
      spec: {
        ...podSpec(template, `${cluster}-kafka`),
        hostname: pod,
        subdomain: `${cluster}-kafka-brokers`,
        securityContext: template.pod?.securityContext ?? { fsGroup: 0 },
        containers: [container('kafka', template.kafkaContainer, {
          args: ['/opt/kafka/kafka_run.sh'],
          env: [{ name: 'KAFKA_HEAP_OPTS', value: JSON.stringify(jvmOptions ?? {}) }],
          resources,
          livenessProbe: { ...kafkaSpec.livenessProbe, exec: { command: ['/opt/kafka/kafka_liveness.sh'] } },
          readinessProbe: { ...kafkaSpec.readinessProbe, exec: { command: ['/opt/kafka/kafka_readiness.sh'] } },
          volumeMounts: [{ name: 'data-0', mountPath: '/var/lib/kafka/data-0' }, { name: 'strimzi-tmp', mountPath: '/tmp' }]
        })],
        volumes: [
          { name: 'data-0', persistentVolumeClaim: { claimName: `data-0-${pod}` } },
          { name: 'strimzi-tmp', emptyDir: { medium: 'Memory', sizeLimit: '5Mi' } },
          { name: 'cluster-ca-certs', secret: { secretName: `${cluster}-cluster-ca-cert`, defaultMode: 0o444 } },
          { name: 'broker-certs', secret: { secretName: pod, defaultMode: 0o444 } },
          { name: 'kafka-metrics-and-logging', configMap: { name: pod } },
          tokenVolume()
        ]
      }
    }
  })
}

function entityOperatorPod (cluster: string, kafka: Manifest, { template = {}, topicOperator, userOperator }: NonNullable<KafkaSpec['entityOperator']>): OperatorPod {
  const name = `${cluster}-entity-operator`
  const operators = [
    { name: 'topic-operator', spec: topicOperator, template: template.topicOperatorContainer, script: 'topic_operator_run.sh' },
    { name: 'user-operator', spec: userOperator, template: template.userOperatorContainer, script: 'user_operator_run.sh' }
  ]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: { ...copiedLabels(kafka), ...operatorLabels(cluster, 'entity-operator'), ...template.pod?.metadata?.labels },
      annotations: { ...template.pod?.metadata?.annotations }
    },
    spec: {
      ...podSpec(template, name),
      ...template.pod?.securityContext === undefined ? {} : { securityContext: template.pod.securityContext },
      containers: operators.flatMap(({ name, spec, template, script }) => spec === undefined
        ? []
        : [container(name, template, {
            args: [`/opt/strimzi/bin/${script}`],
            env: [],
            resources: spec.resources,
            livenessProbe: { ...spec.livenessProbe, httpGet: { path: '/healthy', port: 8080 } },
            readinessProbe: { ...spec.readinessProbe, httpGet: { path: '/ready', port: 8080 } },
            volumeMounts: [{ name: `strimzi-${name}-tmp`, mountPath: '/tmp' }]
          })]),
      volumes: [
        ...operators.map(({ name }) => ({ name: `strimzi-${name}-tmp`, emptyDir: { medium: 'Memory', sizeLimit: '5Mi' } })),
        tokenVolume()
      ]
    }
  }
}

function podSpec ({ pod = {} }: Template, serviceAccountName: string): Json {
  const { topologySpreadConstraints, affinity, tolerations, priorityClassName, hostUsers } = pod
  return {
    serviceAccountName,
    automountServiceAccountToken: false,
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    terminationGracePeriodSeconds: pod.terminationGracePeriodSeconds ?? 30,
    ...defined({ topologySpreadConstraints, affinity, tolerations, priorityClassName, hostUsers })
  }
}

function container (name: string, template: ContainerTemplate = {}, { env, ...rest }: Json & { env: unknown[] }): Json {
  return { name, image: 'operator.example/image:1', ...defined(rest), env: [...env, ...template.env ?? []], ...defined({ securityContext: template.securityContext }) }
}

/** Later resources win, as in the operator's merge. */
function copiedLabels (...resources: Manifest[]): Json {
  return Object.fromEntries(resources
    .flatMap(({ object }) => Object.entries(object.metadata.labels as Json))
    .filter(([label]) => !NOT_COPIED.test(label)))
}

function operatorLabels (cluster: string, component: string): Json {
  return {
    'strimzi.io/cluster': cluster,
    // Of both, which is why it selects no brokers.
    'strimzi.io/kind': 'Kafka',
    'strimzi.io/name': `${cluster}-${component}`,
    'strimzi.io/component-type': component,
    'app.kubernetes.io/name': component,
    'app.kubernetes.io/instance': cluster,
    'app.kubernetes.io/managed-by': 'strimzi-cluster-operator'
  }
}

function tokenVolume (): Json {
  return { name: 'strimzi-service-account', projected: { sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }] } }
}

function defined (fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
