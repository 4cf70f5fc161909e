import { randomBytes } from 'node:crypto'
import { CoordinationV1Api, CoreV1Api, KubeConfig, RbacAuthorizationV1Api, type V1Lease, type V1PolicyRule } from '@kubernetes/client-node'
import { KubernetesLeaseStore } from '@orders/leader-election/kubernetes'
import { testKubernetes, until, type TestContext } from '@orders/local-stack/harness'
import type { LeaseUnderTest } from '../conformance/platform.ts'

const NAMESPACE = 'default'

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

  /** `host:port` of the API server. */
  get address (): string {
    return new URL(this.#config.getCurrentCluster()?.server ?? '').host
  }

  /** A configuration like the administrator's, by another address or with another user. */
  configure (config: KubeConfig, { address, user = {} }: { address?: string, user?: object } = {}): void {
    const cluster = this.#config.getCurrentCluster()
    const admin = this.#config.getCurrentUser()
    if (cluster === null || admin === null) throw new Error('expected a kubeconfig with a current context, found none')
    config.loadFromClusterAndUser(
      { ...cluster, ...(address === undefined ? {} : { server: `https://${address}` }) },
      Object.keys(user).length === 0 ? admin : { name: 'test', ...user }
    )
  }

  store (name: string, how: { address?: string, user?: object } = {}): KubernetesLeaseStore {
    return new KubernetesLeaseStore({ namespace: NAMESPACE, name, loadConfig: (config) => { this.configure(config, how) } })
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

  /** By somebody who goes on until it is done: the holder writes, too. */
  async change (name: string, change: (lease: V1Lease) => V1Lease): Promise<void> {
    await until(async () => this.#leases.replaceNamespacedLease({ namespace: NAMESPACE, name, body: change(await this.read(name)) }), {
      what: `Lease ${name} to be changed`
    })
  }

  async delete (name: string): Promise<void> {
    await this.#leases.deleteNamespacedLease({ namespace: NAMESPACE, name }).catch((error: { code?: number }) => {
      if (error.code !== 404) throw error
    })
  }

  /** A token of a new service account with a Role of these rules. */
  async serviceAccountToken (rules: V1PolicyRule[]): Promise<string> {
    const core = this.#config.makeApiClient(CoreV1Api)
    const rbac = this.#config.makeApiClient(RbacAuthorizationV1Api)
    const name = `test-${randomBytes(5).toString('hex')}`
    const metadata = { name, namespace: NAMESPACE }
    this.#t.teardown(async () => {
      await rbac.deleteNamespacedRoleBinding(metadata)
      await rbac.deleteNamespacedRole(metadata)
      await core.deleteNamespacedServiceAccount(metadata)
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
    if (status?.token === undefined) throw new Error('expected a token, found none')
    return status.token
  }
}
