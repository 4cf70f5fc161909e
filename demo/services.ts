import { until, type ServiceProcess } from '@orders/testing/framework'

const READY_DEADLINE_MS = 60_000
const LAST_LOG_LINES = 5

/** The services of the demo, each a process. */
export class Services {
  readonly #all: readonly ServiceProcess[]
  readonly #killed: readonly ServiceProcess[]
  readonly #broken = new AbortController()
  #stopping = false

  /**
   * @param all in the order in which they are to be stopped
   * @param killed those whose end is part of the show
   */
  constructor (all: readonly ServiceProcess[], killed: readonly ServiceProcess[]) {
    this.#all = all
    this.#killed = killed
  }

  /** Aborted when a service ends that was not told to; the reason says which. */
  get broken (): AbortSignal {
    return this.#broken.signal
  }

  /** Resolves when every one is ready. @param signal gives the waiting up */
  async start (signal: AbortSignal): Promise<void> {
    const started = await Promise.allSettled(this.#all.map((service) => service.start()))
    for (const result of started) if (result.status === 'rejected') throw result.reason
    for (const service of this.#all) if (!this.#killed.includes(service)) void this.#watch(service)
    await Promise.all(this.#all.map((service) => until(async () => {
      if (this.broken.aborted || signal.aborted) return 'given up'
      const response = await fetch(`${service.ops}/readyz`, { signal: AbortSignal.timeout(5_000) })
      if (!response.ok) throw new Error(await response.text())
      return 'ready'
    }, { what: `${service.name} to be ready`, deadlineMs: READY_DEADLINE_MS })))
    signal.throwIfAborted()
    this.broken.throwIfAborted()
  }

  /** SIGTERM, one after the other: each drains, as it would in production. */
  async stop (): Promise<void> {
    this.#stopping = true
    for (const service of this.#all.filter(({ running }) => running)) {
      service.kill('SIGTERM')
      const code = await service.exited()
      if (code !== 0) throw new Error(`expected ${service.name} to end with 0, found ${code}`)
    }
  }

  async #watch (service: ServiceProcess): Promise<void> {
    const code = await service.exited()
    if (this.#stopping) return
    const lines = service.logs.slice(-LAST_LOG_LINES).map((line) => `\n  ${JSON.stringify(line)}`)
    this.#broken.abort(new Error(`${service.name} ended with ${code}, it should be running; its last words:${lines.join('')}`))
  }
}
