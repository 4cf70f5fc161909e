import { LeaderElector, type ElectorEvent, type ElectorOptions, type LeaseStore, type LeaseTerm } from '@orders/leader-election'
import { until } from '@orders/testing/framework'

interface TestContext {
  teardown: (work: () => Promise<void>) => unknown
}

/** Long enough for a busy machine, short enough to wait until a lease expires. */
export const SHORT_TIMINGS = { leaseDurationMs: 3_000, renewDeadlineMs: 2_500, retryPeriodMs: 300, requestTimeoutMs: 2_000 }
/** Renews as often, and no stall of the server ends its lease within a test. */
export const STEADY_TIMINGS = { leaseDurationMs: 60_000, renewDeadlineMs: 50_000, retryPeriodMs: 300, requestTimeoutMs: 40_000 }
/** A takeover within the deadline of a test did not wait for a lease to expire. */
export const PATIENT_TIMINGS = { leaseDurationMs: 300_000, renewDeadlineMs: 240_000, retryPeriodMs: 120_000, requestTimeoutMs: 10_000 }

/** An elector on a real store, running until the end of the test. Its work lasts until its term ends. */
export class RunningElector {
  readonly elector: LeaderElector
  readonly events: ElectorEvent[] = []
  readonly terms: LeaseTerm[] = []
  readonly finished: Promise<void>
  readonly #stop = new AbortController()
  #endWork: () => void = () => {}

  constructor (t: TestContext, store: LeaseStore, options: Partial<ElectorOptions> = SHORT_TIMINGS) {
    this.elector = new LeaderElector({ store, identity: 'candidate', onEvent: (event) => { this.events.push(event) }, ...options })
    this.finished = this.elector.run({ signal: this.#stop.signal, lead: (term) => this.#work(term) })
    t.teardown(() => this.stop())
  }

  get identity (): string {
    return this.elector.identity
  }

  get isLeading (): boolean {
    return this.elector.isLeading
  }

  all<Type extends ElectorEvent['type']> (type: Type): Array<Extract<ElectorEvent, { type: Type }>> {
    return this.events.filter((event) => event.type === type) as Array<Extract<ElectorEvent, { type: Type }>>
  }

  untilLeading (): Promise<unknown> {
    return until(() => this.isLeading, { what: `${this.identity} to lead` })
  }

  untilStandby (holder: string): Promise<unknown> {
    return until(() => this.elector.holder === holder, { what: `${this.identity} to see that ${holder} leads` })
  }

  untilSome (type: ElectorEvent['type']): Promise<unknown> {
    return until(() => this.all(type).length > 0, { what: `some ${type}` })
  }

  /** One more event of this type than there are now. */
  untilNext (type: ElectorEvent['type']): Promise<unknown> {
    const count = this.all(type).length
    return until(() => this.all(type).length > count, { what: `another ${type}` })
  }

  /** The work ends by itself, and with it the term. */
  giveUp (): void {
    this.#endWork()
  }

  async stop (): Promise<void> {
    this.#stop.abort()
    await this.finished
  }

  async #work (term: LeaseTerm): Promise<void> {
    this.terms.push(term)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#endWork = resolve
    term.signal.addEventListener('abort', () => { resolve() })
    await promise
  }
}
