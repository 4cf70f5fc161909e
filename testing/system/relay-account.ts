import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CoreV1Api, KubeConfig, RbacAuthorizationV1Api } from '@kubernetes/client-node'
import type { Kubernetes } from '../servers/index.ts'
import { until } from '../framework/index.ts'

const NAMESPACE = 'default'
const NAME = 'outbox-relay'
const METADATA = { name: NAME, namespace: NAMESPACE }
const TOKEN_SECONDS = 86_400
const ANSWER_DEADLINE_MS = 60_000

/** The service account of the relays. Its rights and its tokens can be revoked and granted again. */
export class RelayAccount {
  readonly #kubernetes: Kubernetes
  readonly #folder: string
  /** The address of the API server that each relay is told. */
  readonly #servers: ReadonlyMap<string, string>
  readonly #core: CoreV1Api
  readonly #rbac: RbacAuthorizationV1Api

  private constructor (kubernetes: Kubernetes, folder: string, servers: ReadonlyMap<string, string>) {
    this.#kubernetes = kubernetes
    this.#folder = folder
    this.#servers = servers
    const admin = new KubeConfig()
    admin.loadFromFile(kubernetes.kubeconfig)
    this.#core = admin.makeApiClient(CoreV1Api)
    this.#rbac = admin.makeApiClient(RbacAuthorizationV1Api)
  }

  /**
   * Makes account, rights and a kubeconfig for each relay.
   *
   * @param folder for the kubeconfigs
   * @param servers host and port of the API server by relay
   */
  static async create (kubernetes: Kubernetes, folder: string, servers: ReadonlyMap<string, string>): Promise<RelayAccount> {
    const account = new RelayAccount(kubernetes, folder, servers)
    await account.#rbac.createNamespacedRole({
      namespace: NAMESPACE,
      // Create too: F9 deletes the lease, and only the relays create it here.
      body: { metadata: METADATA, rules: [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update', 'watch'] }] }
    })
    await account.grantRights()
    await account.grantCredentials()
    return account
  }

  kubeconfig (relay: string): string {
    return join(this.#folder, relay)
  }

  /** 403 from then on. */
  async revokeRights (): Promise<void> {
    await insist(404, () => this.#rbac.deleteNamespacedRoleBinding(METADATA))
  }

  async grantRights (): Promise<void> {
    const body = {
      metadata: METADATA,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: NAME },
      subjects: [{ kind: 'ServiceAccount', ...METADATA }]
    }
    await insist(409, () => this.#rbac.createNamespacedRoleBinding({ namespace: NAMESPACE, body }))
  }

  /** 401 from then on, as soon as the API server forgets that it has just seen the tokens: ten seconds. */
  async revokeCredentials (): Promise<void> {
    await insist(404, () => this.#core.deleteNamespacedServiceAccount(METADATA))
  }

  /** New tokens, where the relays look for them. */
  async grantCredentials (): Promise<void> {
    await insist(409, () => this.#core.createNamespacedServiceAccount({ namespace: NAMESPACE, body: { metadata: METADATA } }))
    for (const [relay, server] of this.#servers) {
      const spec = { audiences: [], expirationSeconds: TOKEN_SECONDS }
      const token = await until(async () => (await this.#core.createNamespacedServiceAccountToken({ ...METADATA, body: { spec } })).status?.token, {
        what: 'a token for the relays', deadlineMs: ANSWER_DEADLINE_MS
      })
      await writeFile(this.kubeconfig(relay), await this.#kubernetes.kubeconfigFor(relay, token, `https://${server}`), { mode: 0o600 })
    }
  }
}

/**
 * Repeats the call until it succeeds: the API server may still be recovering from a fault.
 *
 * @param done the status that means that an earlier try succeeded although its answer was an error
 */
async function insist (done: number, call: () => Promise<unknown>): Promise<void> {
  await until(async () => {
    await call().catch((error: { code?: number }) => { if (error.code !== done) throw error })
    return true
  }, { what: 'the API server to change the account of the relays', deadlineMs: ANSWER_DEADLINE_MS })
}
