import { CoordinationV1Api, KubeConfig } from '@kubernetes/client-node'
import { ServiceProcess } from '@orders/testing/framework'
import type { CleanUp } from './clean-up.ts'
import type { DemoOptions } from './options.ts'
import type { Topics } from './topics.ts'

const REPLICAS = 3
const NAMESPACE = 'default'

export interface RelayOptions {
  databaseUrl: string
  brokers: string
  /** Where the lease is; undefined: in Postgres. */
  kubernetes: { kubeconfig: string, external: boolean } | undefined
  topics: Topics
  kills: DemoOptions['kills']
  cleanUp: CleanUp
}

/** A frozen leader is found by its lease alone, and the usual fifteen seconds make a slow show. */
const SHORT_LEASE = {
  RELAY_LEASE_DURATION_MS: '5000', RELAY_RENEW_DEADLINE_MS: '3500', RELAY_RETRY_PERIOD_MS: '1000', RELAY_SEND_DEADLINE_MS: '3000'
}

/** Three replicas of one relay, not started yet. */
export function createRelays ({ databaseUrl, brokers, kubernetes, topics, kills, cleanUp }: RelayOptions): ServiceProcess[] {
  if (kubernetes?.external === true) cleanUp.add(() => deleteLease(kubernetes.kubeconfig, `${topics.relayName}-0`))
  return Array.from({ length: REPLICAS }, (_, index) => new ServiceProcess('outbox-relay', {
    DATABASE_URL: databaseUrl,
    KAFKA_BROKERS: brokers,
    RELAY_DEFAULT_TOPIC: topics.topic,
    RELAY_NAME: topics.relayName,
    RELAY_IDENTITY: `relay-${index + 1}`,
    ...kills.signal === 'SIGSTOP' && kills.times > 0 ? SHORT_LEASE : {},
    ...kubernetes === undefined ? {} : { RELAY_LEASE: 'kubernetes', RELAY_LEASE_NAMESPACE: NAMESPACE, KUBECONFIG: kubernetes.kubeconfig }
  }))
}

async function deleteLease (kubeconfig: string, name: string): Promise<void> {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  await config.makeApiClient(CoordinationV1Api).deleteNamespacedLease({ name, namespace: NAMESPACE })
}
