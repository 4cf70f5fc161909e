import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { LeaseStore } from '@orders/leader-election'
import { PostgresLeaseStore, type Connection } from '@orders/leader-election/postgres'
import type pg from 'pg'
import type { RelayConfig } from '../config.ts'

/** A pod finds its own namespace and the token of its service account here. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
const TOKEN_FILE = `${SERVICE_ACCOUNT}/token`

export interface LeaseStoreParts {
  config: RelayConfig
  /** A pool of its own: a renewal must not wait behind a slow batch. */
  db: pg.Pool
  /** For one more connection, which LISTENs. */
  connection: Connection
}

/** The store of one shard's lease. All replicas must use the same one. */
export async function createLeaseStore (
  shard: number, kind: 'postgres' | 'kubernetes', { config, db, connection }: LeaseStoreParts
): Promise<LeaseStore> {
  const name = `${config.RELAY_NAME}-${shard}`
  switch (kind) {
    case 'postgres':
      // LISTEN needs a session, as the eager takeover does. A transaction pooler allows neither.
      return new PostgresLeaseStore({ client: db, name, ...config.RELAY_EAGER_TAKEOVER ? { listen: connection } : {} })
    case 'kubernetes': {
      // Loaded only when needed: the Kubernetes client takes 50 MB of memory, a third of the relay's.
      const { KubernetesLeaseStore } = await import('@orders/leader-election/kubernetes')
      return new KubernetesLeaseStore({ namespace: config.RELAY_LEASE_NAMESPACE ?? ownNamespace(), name })
    }
  }
}

function ownNamespace (): string {
  try {
    return readFileSync(`${SERVICE_ACCOUNT}/namespace`, 'utf8').trim()
  } catch {
    return 'default'
  }
}

/**
 * Without a configured API server the Kubernetes client would ask port 8080 of this machine forever.
 *
 * @returns the problems; none in a pod, and none with a kubeconfig
 */
export function kubernetesProblems ({ RELAY_LEASE }: Pick<RelayConfig, 'RELAY_LEASE'>, env: NodeJS.ProcessEnv, exists = existsSync): string[] {
  if (RELAY_LEASE !== 'kubernetes') return []
  const missing = (env.KUBECONFIG ?? '').split(':').filter((file) => file !== '' && !exists(file))
  if (missing.length > 0) return [`KUBECONFIG: expected a file, found none at ${missing.join(', ')}`]
  if (env.KUBECONFIG || exists(join(env.HOME ?? homedir(), '.kube/config')) || (env.KUBERNETES_SERVICE_HOST && exists(TOKEN_FILE))) return []
  return [`RELAY_LEASE: kubernetes is for a pod with a service account, expected ${TOKEN_FILE} and KUBERNETES_SERVICE_HOST (or a kubeconfig in KUBECONFIG), found neither; outside a cluster use RELAY_LEASE=postgres`]
}
