import { CoordinationV1Api, KubeConfig } from '@kubernetes/client-node'
import { ServiceProcess } from '@orders/testing/framework'
import { relaySettings, type Place } from '@orders/testing/system/services'
import type { DemoOptions } from './options.ts'

const REPLICAS = 3
const NAMESPACE = 'default'

export interface RelayOptions {
  place: Place<'topic' | 'relayName'>
  /** Where the lease is; undefined: in Postgres. */
  kubernetes: { kubeconfig: string, external: boolean } | undefined
  kills: DemoOptions['kills']
  /** Removes what is left of the relays on an existing API server. */
  stack: AsyncDisposableStack
}

/** Only the lease shows that a leader is frozen, and with the default of fifteen seconds the demo would wait that long. */
const SHORT_LEASE = {
  RELAY_LEASE_DURATION_MS: '5000', RELAY_RENEW_DEADLINE_MS: '3500', RELAY_RETRY_PERIOD_MS: '1000', RELAY_SEND_DEADLINE_MS: '3000'
}

/** Three replicas of one relay, not started yet. */
export function createRelays ({ place, kubernetes, kills, stack }: RelayOptions): ServiceProcess[] {
  if (kubernetes?.external === true) stack.defer(() => deleteLease(kubernetes.kubeconfig, `${place.names.relayName}-0`))
  return Array.from({ length: REPLICAS }, (_, index) => new ServiceProcess('outbox-relay', {
    ...relaySettings(place),
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
