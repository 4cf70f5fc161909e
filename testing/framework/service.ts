import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from './servers.ts'
import { guardArguments, guardedPid, signalUnlessGone } from '../servers/guard.ts'
import { checkoutPath } from './checkout.ts'
import { until } from './until.ts'

const KEPT_LOG_LINES = 100_000

export type ServiceName = 'order-api' | 'outbox-relay' | 'order-consumer'
export type LogLine = Record<string, unknown> & { msg?: string, level?: string }

export interface ServiceOptions {
  /** Runs the compiled code (`npm run build`), as images do. Stripping types would cost time and memory at the start. */
  built?: boolean
  /** Another program in the service's `bin` folder than `main`. */
  program?: string
}

/** One of the services as a process, from its sources unless `built` is set. */
export class ServiceProcess {
  readonly name: ServiceName
  /** Its log over all its lives, limited to the newest lines because a demo may run for days. A line that is not JSON becomes `{ msg }`. */
  readonly logs: LogLine[] = []
  readonly #env: Record<string, string>
  readonly #onLog: (line: LogLine) => void
  readonly #program: string[]
  #child: ChildProcess | undefined
  #pid: number | undefined
  #exit: Promise<number | null> | undefined
  #listening: LogLine | undefined

  /** @param onLog called with every line of its log */
  constructor (name: ServiceName, env: Record<string, string>, onLog: (line: LogLine) => void = () => {}, { built = false, program = 'main' }: ServiceOptions = {}) {
    this.name = name
    this.#program = built
      ? [checkoutPath(`services/${name}/dist/bin/${program}.js`)]
      : ['--conditions=@orders/source', checkoutPath(`services/${name}/src/bin/${program}.ts`)]
    this.#env = env
    this.#onLog = onLog
  }

  get pid (): number {
    if (this.#pid === undefined) throw new Error(`expected a started ${this.name}, found none`)
    return this.#pid
  }

  /** URL of the HTTP API; the relay has none. */
  get http (): string {
    return String(this.#listening?.http)
  }

  get ops (): string {
    return String(this.#listening?.ops)
  }

  get running (): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves when the service says that it listens; `false` for one that is expected to refuse. */
  async start (waitUntilListening = true): Promise<void> {
    this.#listening = undefined
    const child = spawn('/bin/sh', guardArguments({
      name: this.name,
      command: process.execPath,
      args: this.#program,
      stopSignal: 'SIGKILL'
    }), {
      // A process group of its own: the terminal's Ctrl-C must not reach the services, which are stopped in order.
      detached: true,
      env: {
        PATH: process.env.PATH, HTTP_HOST: '127.0.0.1', HTTP_PORT: '0', OPS_HOST: '127.0.0.1', OPS_PORT: '0', ...this.#env
      },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe']
    })
    this.#child = child
    this.#exit = once(child, 'close').then(([code]) => code as number | null)
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => { this.#onLine(line) })
    }
    this.#pid = await guardedPid(child)
    if (waitUntilListening) {
      const outcome = await until(() => this.#listening ?? (this.running ? undefined : 'ended'), { what: `${this.name} to listen`, deadlineMs: 30_000 })
      if (outcome === 'ended') throw new Error(`expected ${this.name} to listen, found it ended: ${JSON.stringify(this.logs.slice(-5))}`)
    }
  }

  kill (signal: NodeJS.Signals): void {
    if (this.running) signalUnlessGone(this.pid, signal)
  }

  /** Resolves at its end with the exit code; 128 and the signal's number if it was killed. */
  async exited (): Promise<number | null> {
    if (this.#exit === undefined) throw new Error(`expected a started ${this.name}, found none`)
    return this.#exit
  }

  /** Kills it, waits for its end, starts it again. */
  async restart (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.kill(signal)
    await this.exited()
    await this.start()
  }

  #onLine (line: string): void {
    let entry: LogLine
    try {
      entry = JSON.parse(line) as LogLine
    } catch {
      entry = { msg: line }
    }
    this.logs.push(entry)
    if (this.logs.length > KEPT_LOG_LINES) this.logs.splice(0, KEPT_LOG_LINES / 2)
    if (entry.event === 'listening') this.#listening = entry
    this.#onLog(entry)
  }
}

/** Starts a service for a test, and kills it afterwards. */
export async function startService (
  t: TestContext, name: ServiceName, env: Record<string, string>, { waitUntilListening = true } = {}
): Promise<ServiceProcess> {
  const service = new ServiceProcess(name, env)
  t.teardown(async () => {
    service.kill('SIGKILL')
    await service.exited()
  })
  await service.start(waitUntilListening)
  return service
}
