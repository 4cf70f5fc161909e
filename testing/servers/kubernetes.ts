import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { kubernetesBinaries, type KubernetesBinaries } from './go-binaries.ts'
import type { Progress } from './progress.ts'
import { closedOnFailure, ServerProcess } from './server-process.ts'

const READY_DEADLINE_MS = 90_000

export interface KubernetesOptions {
  keep?: boolean
  progress?: Progress
}

/** A real kube-apiserver with its etcd, on free ports of the loopback interface: leases, watches, RBAC, custom resources. No pods. */
export class Kubernetes {
  readonly url: string
  /** A kubeconfig of the administrator. */
  readonly kubeconfig: string
  readonly #folder: string
  readonly #etcdPort: number
  readonly #token: string
  readonly #binaries: KubernetesBinaries
  readonly #options: KubernetesOptions
  #etcd: ServerProcess | undefined
  #apiServer: ServerProcess | undefined

  private constructor (folder: string, port: number, etcdPort: number, binaries: KubernetesBinaries, options: KubernetesOptions) {
    this.url = `https://127.0.0.1:${port}`
    this.kubeconfig = join(folder, 'kubeconfig')
    this.#folder = folder
    this.#etcdPort = etcdPort
    this.#token = randomBytes(16).toString('hex')
    this.#binaries = binaries
    this.#options = options
  }

  static async start (options: KubernetesOptions = {}): Promise<Kubernetes> {
    const binaries = await kubernetesBinaries(options.progress ?? (() => {}))
    const folder = await mkdtemp(join(tmpdir(), 'orders-kubernetes-'))
    const server = new Kubernetes(folder, await freePort(), await freePort(), binaries, options)
    await closedOnFailure(server, server.#startAll())
    return server
  }

  get etcd (): ServerProcess {
    if (this.#etcd === undefined) throw new Error('expected a started etcd, found none')
    return this.#etcd
  }

  get apiServer (): ServerProcess {
    if (this.#apiServer === undefined) throw new Error('expected a started API server, found none')
    return this.#apiServer
  }

  /** A kubeconfig for another bearer token, for example a service account's. */
  async kubeconfigFor (user: string, token: string, server = this.url): Promise<string> {
    const authority = await readFile(join(this.#folder, 'certificates/apiserver.crt'))
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'local',
      clusters: [{ name: 'local', cluster: { server, 'certificate-authority-data': authority.toString('base64') } }],
      users: [{ name: user, user: { token } }],
      contexts: [{ name: 'local', context: { cluster: 'local', user } }]
    })
  }

  async startEtcd (): Promise<void> {
    const url = `http://127.0.0.1:${this.#etcdPort}`
    const peer = `http://127.0.0.1:${await freePort()}`
    this.#etcd = await this.#spawn('etcd', this.#binaries.etcd, [
      '--name=local', `--data-dir=${join(this.#folder, 'etcd')}`, '--unsafe-no-fsync', '--log-level=warn',
      `--listen-client-urls=${url}`, `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=local=${peer}`
    ])
  }

  /** Starts the API server, also again after it was stopped. */
  async start (): Promise<void> {
    this.#apiServer = await this.#spawn('kube-apiserver', this.#binaries.apiServer, [
      `--etcd-servers=http://127.0.0.1:${this.#etcdPort}`,
      '--bind-address=127.0.0.1', `--secure-port=${new URL(this.url).port}`, '--advertise-address=127.0.0.1',
      `--cert-dir=${join(this.#folder, 'certificates')}`,
      `--token-auth-file=${join(this.#folder, 'tokens.csv')}`, '--authorization-mode=RBAC',
      `--service-account-key-file=${join(this.#folder, 'service-accounts.key')}`,
      `--service-account-signing-key-file=${join(this.#folder, 'service-accounts.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      '--service-cluster-ip-range=10.0.0.0/24', '--allow-privileged=true',
      // It would block every pod until a controller has made its token, and no controller runs here.
      '--disable-admission-plugins=ServiceAccount',
      '--shutdown-delay-duration=0s'
    ])
    await this.#apiServer.untilReady(() => this.#probe(), READY_DEADLINE_MS)
  }

  async stop (): Promise<void> {
    await this.#apiServer?.stop(3_000)
  }

  async close (): Promise<void> {
    for (const server of [this.#apiServer, this.#etcd]) {
      server?.kill('SIGKILL')
      await server?.exited
    }
    if (this.#options.keep !== true) await rm(this.#folder, { recursive: true, force: true })
  }

  async #startAll (): Promise<void> {
    await this.#prepare()
    await this.startEtcd()
    await this.start()
    await writeFile(this.kubeconfig, await this.kubeconfigFor('admin', this.#token))
  }

  async #prepare (): Promise<void> {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs1', format: 'pem' }
    })
    await writeFile(join(this.#folder, 'service-accounts.key'), privateKey, { mode: 0o600 })
    await writeFile(join(this.#folder, 'tokens.csv'), `${this.#token},admin,admin,"system:masters"\n`, { mode: 0o600 })
  }

  #spawn (name: string, command: string, args: string[]): Promise<ServerProcess> {
    return ServerProcess.start({
      name,
      command,
      args,
      logFile: join(this.#folder, `${name}.log`),
      stopSignal: 'SIGTERM',
      removeWithParent: this.#options.keep === true ? undefined : this.#folder
    })
  }

  async #probe (): Promise<void> {
    const ca = await readFile(join(this.#folder, 'certificates/apiserver.crt'))
    await new Promise<void>((resolve, reject) => {
      const call = request(`${this.url}/readyz`, { ca, timeout: 2_000, headers: { authorization: `Bearer ${this.#token}` } }, (response) => {
        response.resume()
        if (response.statusCode === 200) resolve()
        else reject(new Error(`/readyz answered ${response.statusCode}`))
      })
      call.once('timeout', () => { call.destroy(new Error('/readyz did not answer')) })
      call.once('error', reject)
      call.end()
    })
  }
}
