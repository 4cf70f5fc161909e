import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { RelayConfig } from '../config.ts'

const TOKEN_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/token'

/**
 * Where no API server is named, the client for Kubernetes asks one on port 8080 of this machine, for ever.
 *
 * @returns what is wrong; nothing in a pod, and with a kubeconfig
 */
export function kubernetesProblems ({ RELAY_LEASE }: Pick<RelayConfig, 'RELAY_LEASE'>, env: NodeJS.ProcessEnv, exists = existsSync): string[] {
  if (RELAY_LEASE !== 'kubernetes') return []
  const missing = (env.KUBECONFIG ?? '').split(':').filter((file) => file !== '' && !exists(file))
  if (missing.length > 0) return [`KUBECONFIG: expected a file, found none at ${missing.join(', ')}`]
  if (env.KUBECONFIG || exists(join(env.HOME ?? homedir(), '.kube/config')) || (env.KUBERNETES_SERVICE_HOST && exists(TOKEN_FILE))) return []
  return [`RELAY_LEASE: kubernetes is for a pod with a service account, expected ${TOKEN_FILE} and KUBERNETES_SERVICE_HOST (or a kubeconfig in KUBECONFIG), found neither; outside a cluster use RELAY_LEASE=postgres`]
}
