import { JsonLinesFile, type Recorder } from '../checker/index.ts'
import { ServiceProcess, until, type LogLine, type ServiceName } from '../framework/index.ts'

const READY_DEADLINE_MS = 120_000
const RESTART_PAUSE_MS = 1_000
/** Warnings that Node prints for bugs in our code. A bug that a service notices itself has level fatal. */
const NODE_WARNINGS = /TimeoutNegativeWarning|unhandledRejection|MaxListenersExceeded/

/** One process over all its lives, like a pod of a deployment: it is started again when it ends by itself. */
export class Replica {
  readonly name: string
  readonly service: ServiceName
  readonly #env: (life: number) => Record<string, string>
  readonly #recorder: Recorder
  readonly #log: JsonLinesFile
  readonly #onLine: (replica: Replica, line: LogLine) => void
  #process: ServiceProcess | undefined
  #life = 0
  #wanted = false
  #frozen = false

  constructor (name: string, service: ServiceName, { env, recorder, log, onLine }: {
    /** The environment of each life. */
    env: (life: number) => Record<string, string>
    recorder: Recorder
    /** The file for its log. */
    log: string
    onLine: (replica: Replica, line: LogLine) => void
  }) {
    this.name = name
    this.service = service
    this.#env = env
    this.#recorder = recorder
    this.#log = new JsonLinesFile(log)
    this.#onLine = onLine
  }

  /** undefined while there is none. */
  get process (): ServiceProcess | undefined {
    return this.#process?.running === true ? this.#process : undefined
  }

  get frozen (): boolean {
    return this.#frozen
  }

  /**
   * Does nothing if it runs. One that does not start is started again, as long as it is wanted.
   *
   * @param extra settings of this life only
   */
  async start (extra: Record<string, string> = {}): Promise<void> {
    this.#wanted = true
    if (this.#process?.running === true) return
    this.#life++
    this.#record('invoke', `life ${this.#life}`)
    const process = new ServiceProcess(this.service, { ...this.#env(this.#life), ...extra }, (line) => { this.#read(line) })
    this.#process = process
    const starting = process.start()
    void this.#watch(process)
    // It may be stopped while it starts.
    await starting.catch((error: Error) => { if (this.#wanted) this.#record('fail', error.message) })
  }

  /** Ends it, until it is started again. */
  async end (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const process = this.#process
    this.#wanted = false
    if (process === undefined || !process.running) return
    if (this.#frozen) this.thaw()
    process.kill(signal)
    const code = await process.exited()
    if (signal === 'SIGTERM' && code !== 0) this.#record('fail', `expected to end with 0 after SIGTERM, found ${code}`)
    else this.#record('ok', signal)
  }

  /** Its log is complete then. */
  async close (): Promise<void> {
    await this.end('SIGKILL')
    await this.#log.close()
  }

  freeze (): void {
    this.#frozen = true
    this.#process?.kill('SIGSTOP')
  }

  thaw (): void {
    this.#frozen = false
    this.#process?.kill('SIGCONT')
  }

  async untilReady (): Promise<void> {
    await until(async () => (await this.health()) === 'ready', { what: `${this.name} to be ready`, deadlineMs: READY_DEADLINE_MS })
  }

  async health (): Promise<string> {
    try {
      const response = await fetch(`${this.#process?.ops}/readyz`, { signal: AbortSignal.timeout(5_000) })
      return response.ok ? 'ready' : await response.text()
    } catch (error) {
      return (error as Error).message
    }
  }

  async #watch (process: ServiceProcess): Promise<void> {
    const code = await process.exited()
    if (!this.#wanted || process !== this.#process) return
    this.#record('fail', `ended with ${code}: ${JSON.stringify(process.logs.slice(-2))}`)
    await new Promise((resolve) => setTimeout(resolve, RESTART_PAUSE_MS))
    if (this.#wanted && process === this.#process) await this.start()
  }

  #read (line: LogLine): void {
    this.#log.write(line)
    if (line.level === 'fatal' || NODE_WARNINGS.test(`${line.msg}`)) this.#recorder.record({ kind: 'process', process: this.name, type: 'info', f: 'log', detail: JSON.stringify(line) })
    this.#onLine(this, line)
  }

  #record (type: 'invoke' | 'ok' | 'fail', detail: string): void {
    this.#recorder.record({ kind: 'process', process: this.name, type, f: 'life', detail })
  }
}
