import { request } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'

export interface Answer {
  status: number
  body: Record<string, unknown> & { message?: string }
  /** The API server's warnings: of fields that are deprecated, and of pods that Pod Security would refuse. */
  warnings: string[]
}

interface ObjectReference {
  apiVersion: string
  kind: string
  metadata: { name: string, namespace?: string }
}

interface ApiResource {
  name: string
  kind: string
  namespaced: boolean
}

/** Requests to an API server as they are: the client's own methods hide its warnings and take no strict validation. */
export class ApiServer {
  readonly #config: KubeConfig
  readonly #resources = new Map<string, readonly ApiResource[]>()

  constructor (config: KubeConfig) {
    this.#config = config
  }

  static fromFile (kubeconfig: string): ApiServer {
    const config = new KubeConfig()
    config.loadFromFile(kubeconfig)
    return new ApiServer(config)
  }

  /** A configuration for the same API server, as another user. */
  configFor (token: string): KubeConfig {
    const cluster = this.#config.getCurrentCluster()
    if (cluster === null) throw new Error('expected a kubeconfig with a current cluster, found none')
    const config = new KubeConfig()
    config.loadFromClusterAndUser(cluster, { name: 'service account', token })
    return config
  }

  async request (method: string, path: string, body?: string, contentType = 'application/json'): Promise<Answer> {
    const options: Parameters<KubeConfig['applyToHTTPSOptions']>[0] = { method, headers: { accept: 'application/json' } }
    await this.#config.applyToHTTPSOptions(options)
    if (body !== undefined) options.headers = { ...options.headers, 'content-type': contentType }
    return new Promise((resolve, reject) => {
      const call = request(`${this.#config.getCurrentCluster()?.server}${path}`, options, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => { text += chunk })
        response.on('error', reject)
        response.on('end', () => {
          const { warning } = response.headers
          resolve({
            status: response.statusCode ?? 0,
            body: text.startsWith('{') ? JSON.parse(text) as Answer['body'] : { message: text },
            warnings: warning === undefined ? [] : [warning].flat()
          })
        })
      })
      call.setTimeout(30_000, () => { call.destroy(new Error(`${method} ${path} was not answered`)) })
      call.once('error', reject)
      call.end(body)
    })
  }

  /** Server-side apply of one document, strict: a field that the API does not know is refused. */
  async apply (document: string, object: ObjectReference, { dryRun }: { dryRun: boolean }): Promise<Answer> {
    const path = await this.pathOf(object)
    if (path === undefined) throw new Error(`expected an API server with ${object.apiVersion} ${object.kind}, found none`)
    const query = `fieldManager=chart-test&force=true&fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`
    return this.request('PATCH', `${path}?${query}`, document, 'application/apply-patch+yaml')
  }

  /** `undefined`: this API server does not have the kind. */
  async pathOf ({ apiVersion, kind, metadata: { name, namespace = 'default' } }: ObjectReference): Promise<string | undefined> {
    const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    const isIt = (resource: ApiResource) => resource.kind === kind && !resource.name.includes('/')
    const resource = this.#resources.get(group)?.find(isIt) ?? (await this.#askForResources(group)).find(isIt)
    if (resource === undefined) return undefined
    return `${group}${resource.namespaced ? `/namespaces/${namespace}` : ''}/${resource.name}/${name}`
  }

  async #askForResources (group: string): Promise<readonly ApiResource[]> {
    const { status, body } = await this.request('GET', group)
    const resources = status === 200 ? body.resources as ApiResource[] : []
    this.#resources.set(group, resources)
    return resources
  }
}
