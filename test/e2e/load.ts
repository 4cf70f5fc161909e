import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { until, type TestContext } from '@orders/testing/framework'
import { createObject, getObject, kubectl, kubectlOptions, ORDER_API, ORDER_CONSUMER, release } from './cluster.ts'

const GRACE_S = 600
/** A rate at which no replica refuses requests, also where it shares two cores with the whole cluster. */
const STEADY_RATE = Number(process.env.E2E_STEADY_RATE ?? 100)

export interface LoadResult {
  orders: number
  events: number
  durationMs: number
  /** Attempts that had no answer, or another one than success or 503 with Retry-After. */
  failures: number
  /** 503 with Retry-After: the load came back with the same Idempotency-Key, as clients do. */
  postponed: number
  reasons: Record<string, number>
  lost: number
  /** Events that took effect. */
  effects: number
  /** Records that were read again, and had no effect. */
  duplicates: number
  gaps: number
  deadLetters: number
}

/** A pause in the applied events. */
export interface Stall {
  stall: number
  since: number
}

interface Line extends Partial<Stall> {
  started?: boolean
  result?: LoadResult
}

/** Orders at a steady rate from inside the cluster, until `finish`. */
export class Load {
  readonly stalls: Stall[] = []
  readonly #pod: string
  readonly #logs: ChildProcess
  #started = false
  #result: LoadResult | undefined

  private constructor (pod: string) {
    this.#pod = pod
    this.#logs = spawn(process.env.KUBECTL ?? 'kubectl', [...kubectlOptions(), 'logs', '--follow', pod], { stdio: ['ignore', 'pipe', 'inherit'] })
    if (this.#logs.stdout !== null) createInterface({ input: this.#logs.stdout }).on('line', (line) => { this.#read(line) })
  }

  static async start (t: TestContext, { rate = STEADY_RATE }: { rate?: number } = {}): Promise<Load> {
    const pod = `${release}-load-${randomBytes(3).toString('hex')}`
    await createObject(await podOf(pod, rate))
    t.teardown(() => kubectl('delete', 'pod', pod, '--ignore-not-found', '--grace-period=0', '--force').catch(() => {}))
    await kubectl('wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=300s')
    const load = new Load(pod)
    t.teardown(() => { load.#logs.kill() })
    await until(() => load.#started, { what: 'the load to begin', deadlineMs: 300_000 })
    return load
  }

  /** Stops the load, and waits for its result. */
  async finish (): Promise<LoadResult> {
    await kubectl('delete', 'pod', this.#pod, '--wait=false', `--grace-period=${GRACE_S}`)
    if (this.#logs.exitCode === null) await once(this.#logs, 'exit')
    if (this.#result === undefined) throw new Error('expected a result of the load, found none')
    return this.#result
  }

  #read (text: string): void {
    if (!text.startsWith('{')) {
      console.error(text)
      return
    }
    const { started = false, stall, since, result } = JSON.parse(text) as Line
    if (started) this.#started = true
    if (stall !== undefined && since !== undefined) this.stalls.push({ stall, since })
    this.#result = result ?? this.#result
  }
}

/** The image of order-api, for it has Node; the labels of the chart's test, which may talk to the services. */
async function podOf (name: string, rate: number) {
  const deployment = await getObject<{
    metadata: { labels: Record<string, string> }, spec: { template: { spec: { containers: Array<{ image: string }>, imagePullSecrets?: unknown, securityContext: unknown } } }
  }>('deployment', ORDER_API)
  const { containers, imagePullSecrets, securityContext } = deployment.spec.template.spec
  const serviceUrl = async (service: string) => {
    const { spec } = await getObject<{ spec: { ports: Array<{ port: number }> } }>('service', service)
    return `http://${service}:${spec.ports[0]?.port}`
  }
  const labels = { ...deployment.metadata.labels, 'app.kubernetes.io/component': 'test' }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: GRACE_S,
      securityContext,
      imagePullSecrets,
      containers: [{
        name: 'load',
        image: containers[0]?.image,
        args: ['--input-type=module', '--eval', await readFile(new URL('load.mjs', import.meta.url), 'utf8')],
        env: Object.entries({
          ORDER_API: await serviceUrl(ORDER_API), ORDER_CONSUMER: await serviceUrl(ORDER_CONSUMER), RATE: String(rate), CUSTOMER: name
        }).map(([name, value]) => ({ name, value })),
        resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '384Mi' } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }
      }]
    }
  }
}
