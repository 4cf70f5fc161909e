import { LeaderElector, type ElectorEvent, type ElectorOptions, type LeaseTerm } from '@orders/leader-election'
import { FakeClock } from './fake-clock.ts'
import { MemoryLease, MemoryLeaseStore } from './memory-lease.ts'
import { Scheduler } from './scheduler.ts'

/** Work that stops when its term ends, or when the test says so. */
export class Work {
  readonly term: LeaseTerm
  readonly #settled = Promise.withResolvers<void>()
  running = true

  constructor (term: LeaseTerm, stopsWhenTold: boolean) {
    this.term = term
    if (stopsWhenTold) term.signal.addEventListener('abort', () => { this.finish() })
  }

  get ended (): Promise<void> {
    return this.#settled.promise.finally(() => { this.running = false })
  }

  finish (): void {
    this.#settled.resolve()
  }

  fail (error: Error): void {
    this.#settled.reject(error)
  }
}

/** A running elector with a store of its own for the shared lease. */
export class TestElector {
  readonly store: MemoryLeaseStore
  readonly elector: LeaderElector
  readonly events: ElectorEvent[] = []
  readonly works: Work[] = []
  readonly #stop = new AbortController()
  readonly finished: Promise<void>
  stopsWhenTold = true

  constructor (lease: MemoryLease, clock: FakeClock, options: Partial<ElectorOptions>) {
    this.store = new MemoryLeaseStore(lease)
    this.elector = new LeaderElector({
      store: this.store,
      identity: 'elector',
      leaseDurationMs: 15_000,
      renewDeadlineMs: 10_000,
      retryPeriodMs: 2_000,
      requestTimeoutMs: 3_000,
      clock,
      random: () => 0.5,
      onEvent: (event) => { this.events.push(event) },
      ...options
    })
    this.finished = this.elector.run({
      signal: this.#stop.signal,
      lead: async (term) => {
        const work = new Work(term, this.stopsWhenTold)
        this.works.push(work)
        await work.ended
      }
    })
  }

  get work (): Work {
    const work = this.works.at(-1)
    if (work === undefined) throw new Error('expected running work, found none')
    return work
  }

  stop (): void {
    this.#stop.abort()
  }

  /** The types of its events, without renewals. */
  get history (): string[] {
    return this.events.filter(({ type }) => type !== 'renewed' && type !== 'holder-changed').map((event) => {
      switch (event.type) {
        case 'acquired':
          return `acquired: ${event.because}`
        case 'term-ended':
          return `term-ended: ${event.reason}`
        case 'attempt-failed':
        case 'release-failed':
          return `${event.type}: ${event.error.reason}`
        default:
          return event.type
      }
    })
  }
}

/** One lease, one virtual time, any number of electors. */
export class ElectorFixture {
  readonly scheduler = new Scheduler()
  readonly lease = new MemoryLease()

  elector (options: Partial<ElectorOptions> & { frozenBy?: FakeClock } = {}): TestElector {
    const { frozenBy = new FakeClock(this.scheduler), ...rest } = options
    return new TestElector(this.lease, frozenBy, rest)
  }

  async pass (ms: number): Promise<void> {
    await this.scheduler.advance(ms)
  }
}
