import { readFileSync } from 'node:fs'
import type { LeaseStore } from '@orders/leader-election'
import { PostgresLeaseStore, type Connection } from '@orders/leader-election/postgres'
import type pg from 'pg'
import type { RelayConfig } from '../config.ts'

/** Where a pod finds the name of its own namespace. */
const NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace'

export interface LeaseStoreParts {
  config: RelayConfig
  /** A pool apart from the relay's: a renewal must not wait behind a slow batch. */
  db: pg.Pool
  /** For one more connection, which listens. */
  connection: Connection
}

/** Where the lease of one shard is. All replicas have to name the same place. */
export async function createLeaseStore (
  shard: number, kind: 'postgres' | 'kubernetes', { config, db, connection }: LeaseStoreParts
): Promise<LeaseStore> {
  const name = `${config.RELAY_NAME}-${shard}`
  switch (kind) {
    case 'postgres':
      // Listening is a matter of the session, as the eager take-over is, and a pooler allows neither.
      return new PostgresLeaseStore({ client: db, name, ...config.RELAY_EAGER_TAKEOVER ? { listen: connection } : {} })
    case 'kubernetes': {
      // Loaded only here: the client for Kubernetes is 50 MB of memory, a third of the relay's.
      const { KubernetesLeaseStore } = await import('@orders/leader-election/kubernetes')
      return new KubernetesLeaseStore({ namespace: config.RELAY_LEASE_NAMESPACE ?? ownNamespace(), name })
    }
  }
}

function ownNamespace (): string {
  try {
    return readFileSync(NAMESPACE_FILE, 'utf8').trim()
  } catch {
    return 'default'
  }
}
