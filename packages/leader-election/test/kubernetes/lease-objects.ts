import { randomBytes } from 'node:crypto'
import { CoordinationV1Api, CoreV1Api, KubeConfig, RbacAuthorizationV1Api, type Cluster, type User, type V1Lease, type V1PolicyRule } from '@kubernetes/client-node'
import { KubernetesLeaseStore } from '@orders/leader-election/kubernetes'
import { testKubernetes, until, type TestContext } from '@orders/testing/framework'
import type { LeaseUnderTest } from '../conformance/platform.ts'

const NAMESPACE = 'default'

export interface StoreOptions {
  /** URL of the API server. */
  server?: string
  user?: Partial<User>
  watchIdleMs?: number
}

/** A service account of this test's own. */
export interface TestAccount {
  token: string
  /** Its tokens are refused from then on. */
  delete: () => Promise<void>
}

/** Leases of this test's own in an API server, deleted afterwards. */
export class LeaseObjects {
  readonly namespace = NAMESPACE
  readonly #config = new KubeConfig()
  readonly #leases: CoordinationV1Api
  readonly #t: TestContext

  private constructor (t: TestContext, kubeconfig: string) {
    this.#t = t
    this.#config.loadFromFile(kubeconfig)
    this.#leases = this.#config.makeApiClient(CoordinationV1Api)
  }

  static async create (t: TestContext, server?: { kubeconfig: string }): Promise<LeaseObjects> {
    const { kubeconfig } = server ?? await testKubernetes(t)
    return new LeaseObjects(t, kubeconfig)
  }

  get cluster (): Cluster {
    const cluster = this.#config.getCurrentCluster()
    if (cluster === null) throw new Error('expected a kubeconfig with a current context, found none')
    return cluster
  }

  get admin (): User {
    return this.#config.getCurrentUser() ?? { name: 'nobody' }
  }

  /** A store of the administrator, or of another user, or over another address. */
  store (name: string, { server = this.cluster.server, user, ...options }: StoreOptions = {}): KubernetesLeaseStore {
    return new KubernetesLeaseStore({
      namespace: NAMESPACE,
      name,
      loadConfig: (config) => {
        // The client refuses plain HTTP, which the fault proxy speaks, unless it skips the check of certificates.
        config.loadFromClusterAndUser({ ...this.cluster, server, skipTLSVerify: server.startsWith('http:') }, user === undefined ? this.admin : { name: 'test', ...user })
      },
      ...options
    })
  }

  /** A name for a Lease; the object is deleted after the test, if there is one. */
  name (): string {
    const name = `test-${randomBytes(5).toString('hex')}`
    this.#t.teardown(() => this.delete(name))
    return name
  }

  lease (): LeaseUnderTest {
    const name = this.name()
    return {
      store: () => this.store(name),
      edit: async (fields) => {
        await this.change(name, (lease) => ({ ...lease, spec: { ...lease.spec, ...fields } as NonNullable<V1Lease['spec']> }))
      },
      touch: async () => {
        await this.change(name, (lease) => ({ ...lease, metadata: { ...lease.metadata, labels: { touched: randomBytes(5).toString('hex') } } }))
      },
      delete: () => this.delete(name)
    }
  }

  async read (name: string): Promise<V1Lease> {
    return this.#leases.readNamespacedLease({ namespace: NAMESPACE, name })
  }

  async create (body: V1Lease): Promise<void> {
    await this.#leases.createNamespacedLease({ namespace: NAMESPACE, body })
  }

  /** Retries until it succeeds, because the holder writes too. */
  async change (name: string, change: (lease: V1Lease) => V1Lease): Promise<void> {
    await until(async () => this.#leases.replaceNamespacedLease({ namespace: NAMESPACE, name, body: change(await this.read(name)) }), {
      what: `Lease ${name} to be changed`
    })
  }

  async delete (name: string): Promise<void> {
    await this.#leases.deleteNamespacedLease({ namespace: NAMESPACE, name }).catch(unlessAbsent)
  }

  /** A new service account with a Role of these rules. */
  async serviceAccount (rules: V1PolicyRule[]): Promise<TestAccount> {
    const core = this.#config.makeApiClient(CoreV1Api)
    const rbac = this.#config.makeApiClient(RbacAuthorizationV1Api)
    const name = `test-${randomBytes(5).toString('hex')}`
    const metadata = { name, namespace: NAMESPACE }
    const deleteAccount = async () => { await core.deleteNamespacedServiceAccount(metadata).catch(unlessAbsent) }
    this.#t.teardown(async () => {
      await rbac.deleteNamespacedRoleBinding(metadata)
      await rbac.deleteNamespacedRole(metadata)
      await deleteAccount()
    })
    await core.createNamespacedServiceAccount({ namespace: NAMESPACE, body: { metadata } })
    await rbac.createNamespacedRole({ namespace: NAMESPACE, body: { metadata, rules } })
    await rbac.createNamespacedRoleBinding({
      namespace: NAMESPACE,
      body: {
        metadata,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
        subjects: [{ kind: 'ServiceAccount', name, namespace: NAMESPACE }]
      }
    })
    const { status } = await core.createNamespacedServiceAccountToken({ ...metadata, body: { spec: { audiences: [], expirationSeconds: 3_600 } } })
    const token = status?.token
    if (token === undefined) throw new Error('expected a token, found none')
    const [{ resourceNames: [lease] = [] } = {}] = rules
    if (lease !== undefined) await this.#untilAllowed(token, lease)
    return { token, delete: deleteAccount }
  }

  /** The API server applies a new Role a moment after it was created. */
  async #untilAllowed (token: string, lease: string): Promise<void> {
    const store = this.store(lease, { user: { token } })
    await until(async () => {
      const error: unknown = await store.get({ signal: AbortSignal.timeout(10_000), timeoutMs: 10_000 }).catch((error: unknown) => error)
      if (error instanceof Error && 'reason' in error && error.reason === 'forbidden') throw error
      return true
    }, { what: `the new account to be allowed to get Lease ${lease}` })
  }
}

function unlessAbsent (error: { code?: number }): void {
  if (error.code !== 404) throw error
}
