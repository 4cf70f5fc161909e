import { ApiException, CoordinationV1Api, Observable, type ConfigurationOptions, type KubeConfig, type V1Lease } from '@kubernetes/client-node'
import type { LeaderElectionRecord } from '../record.ts'
import { LeaseStoreError, type LeaseObserver, type LeaseSnapshot, type LeaseStore, type LeaseWatch, type StoreRequest } from '../store.ts'
import { isUnauthorized, toStoreError } from './api-errors.ts'
import { recordOf, specOf, withRecord } from './lease-object.ts'
import { watchLease } from './lease-watch.ts'
import { SharedAgentConfig } from './shared-agent-config.ts'

export interface KubernetesLeaseStoreOptions {
  namespace: string
  name: string
  /** Fills the configuration. Default: `loadFromDefault`, the kubeconfig or the service account of the pod. */
  loadConfig?: (config: KubeConfig) => void
  /** The watch is opened again after this long without an event. */
  watchIdleMs?: number
}

/**
 * The record as a `Lease` of coordination.k8s.io/v1. Needs the verbs get, update and watch on this Lease, and create on leases
 * unless the installer makes it.
 */
export class KubernetesLeaseStore implements LeaseStore {
  readonly description: string
  readonly #options: KubernetesLeaseStoreOptions
  #config: SharedAgentConfig
  #api: CoordinationV1Api

  constructor (options: KubernetesLeaseStoreOptions) {
    this.#options = options
    this.description = `Lease ${options.namespace}/${options.name}`
    this.#config = this.#loadConfig()
    this.#api = this.#config.makeApiClient(CoordinationV1Api)
  }

  get (request: StoreRequest): Promise<LeaseSnapshot> {
    const { namespace, name } = this.#options
    return this.#call('reading', request, (api, options) => api.readNamespacedLease({ name, namespace }, options))
  }

  async create (record: LeaderElectionRecord, request: StoreRequest): Promise<LeaseSnapshot> {
    const { namespace, name } = this.#options
    const lease = { metadata: { name, namespace }, spec: specOf(record) }
    try {
      return await this.#call('creating', request, (api, options) => (
        api.createNamespacedLease({ namespace, body: lease }, options)
      ))
    } catch (error) {
      const { reason, message } = LeaseStoreError.from(error)
      if (reason === 'not-found') throw new LeaseStoreError('refused', `there is no namespace ${namespace} for ${this.description} (${message})`, { cause: error })
      if (reason !== 'forbidden') throw error
      throw new LeaseStoreError(reason, `there is no ${this.description}: make it (it may be empty), or allow the verb create (${message})`, { cause: error })
    }
  }

  update (record: LeaderElectionRecord, version: unknown, request: StoreRequest): Promise<LeaseSnapshot> {
    const { namespace, name } = this.#options
    // The version is the whole Lease as it was read. Its resourceVersion makes the replacement conditional.
    const body = withRecord(version as V1Lease, record)
    return this.#call('updating', request, (api, options) => (
      api.replaceNamespacedLease({ name, namespace, body }, options)
    ))
  }

  watch (observer: LeaseObserver): LeaseWatch {
    const { namespace, name, watchIdleMs: idleMs = 10_000 } = this.#options
    const stop = new AbortController()
    const watching = watchLease({ namespace, name, idleMs, config: () => this.#config }, observer, stop.signal)
    return {
      close: async () => {
        stop.abort()
        await watching
        await this.#config.disconnect()
      }
    }
  }

  async #call (
    doing: string, { signal }: StoreRequest, call: (api: CoordinationV1Api, options: ConfigurationOptions) => Promise<V1Lease>
  ): Promise<LeaseSnapshot> {
    try {
      const lease = await this.#authorized((api) => call(api, abortedBy(signal)))
      return { ...recordOf(lease), version: lease }
    } catch (cause) {
      const error = toStoreError(cause, `${doing} ${this.description}`)
      // Without an answer, the connection may be dead without notice. A server that answers 429 is not helped by new connections.
      if (!(cause instanceof ApiException)) await this.#config.disconnect()
      throw error
    }
  }

  /** The credentials may have been replaced: after a 401, reads them again and retries once. */
  async #authorized<Result> (call: (api: CoordinationV1Api) => Promise<Result>): Promise<Result> {
    try {
      return await call(this.#api)
    } catch (error) {
      if (!isUnauthorized(error)) throw error
      const former = this.#config
      this.#config = this.#loadConfig()
      this.#api = this.#config.makeApiClient(CoordinationV1Api)
      await former.disconnect()
      return call(this.#api)
    }
  }

  #loadConfig (): SharedAgentConfig {
    const config = new SharedAgentConfig()
    const { loadConfig = (config) => { config.loadFromDefault() } } = this.#options
    loadConfig(config)
    return config
  }
}

/** The client has no timeout of its own: a hanging request would last five minutes. */
function abortedBy (signal: AbortSignal): ConfigurationOptions {
  return {
    middleware: [{
      pre (context) {
        context.setSignal(signal)
        return new Observable(Promise.resolve(context))
      },
      post: (response) => new Observable(Promise.resolve(response))
    }],
    middlewareMergeStrategy: 'append'
  }
}
