import type { LeaderElector } from '@orders/leader-election'
import { MemoryLease } from '../fakes/memory-lease.ts'
import { Scheduler } from '../fakes/scheduler.ts'
import { FAULTS } from './faults.ts'
import { Invariants, InvariantViolation } from './invariants.ts'
import { CALM, Network, type Weather } from './network.ts'
import { Replica } from './replica.ts'
import { Random } from '@orders/testing/framework/random'
import { TIMINGS, type Rules } from './rules.ts'

const STORMY_MS = 60_000
/** The longest outage, and the longest wait of a candidate after it. */
const SETTLING_MS = 12_000 + TIMINGS.leaseDurationMs + 3 * TIMINGS.retryPeriodMs + 4 * TIMINGS.requestTimeoutMs

export interface Outcome {
  violation: string | undefined
  /** What happened, for the reader of a violation. */
  trace: string[]
}

/** One run: a few replicas, one lease, a time of faults, and a check of liveness at the end. */
export class World {
  readonly random: Random
  readonly scheduler: Scheduler
  readonly network: Network
  readonly invariants: Invariants
  readonly replicas: Replica[] = []
  readonly rules: Rules
  readonly Elector: typeof LeaderElector
  readonly #trace: string[] = []
  readonly #diet: string[]
  #started = 0
  #stormy = true

  /** @param counts counts the events of many runs */
  constructor (seed: number, Elector: typeof LeaderElector, counts: Map<string, number>) {
    const random = new Random(seed)
    this.random = random
    this.Elector = Elector
    this.rules = {
      timings: TIMINGS,
      fenced: random.chance(0.3),
      clockRateRatio: TIMINGS.leaseDurationMs / TIMINGS.renewDeadlineMs * 0.99,
      windDownMs: random.pick([0, 500, 1_900, 9_000])
    }
    this.scheduler = new Scheduler(() => random.next())
    this.network = new Network(this.scheduler, new MemoryLease(), random, this.#drawWeather(), counts)
    this.invariants = new Invariants(this)
    // A few kinds of faults, often, find more than all kinds, rarely.
    this.#diet = Object.keys(FAULTS).filter(() => random.chance(0.4))
  }

  async run (): Promise<Outcome> {
    try {
      const count = 2 + Math.floor(this.random.next() * 3)
      for (let index = 0; index < count; index++) this.later(this.random.uniform(0, 1_000), () => { this.#start() })
      this.#faultLater()
      await this.#pass(STORMY_MS)
      this.#stormy = false
      this.network.weather = CALM
      await this.#pass(SETTLING_MS)
      await this.#examine()
      return { violation: undefined, trace: this.#trace }
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error
      return { violation: error.message, trace: this.#trace }
    }
  }

  later (ms: number, work: () => void): void {
    this.scheduler.schedule(ms, work)
  }

  note (line: string): void {
    this.#trace.push(`${this.scheduler.now.toFixed(1)} ${line}`)
  }

  restartLater (): void {
    this.later(this.random.uniform(0, 3_000), () => { this.#start() })
  }

  proveDead (dead: Replica): void {
    this.note(`${dead.name} is reported dead`)
    this.later(this.random.uniform(1, 20), () => {
      for (const replica of this.replicas) {
        if (replica !== dead && replica.candidate && !replica.frozen && this.random.chance(0.7)) replica.elector.challenge(dead.elector.identity)
      }
    })
  }

  #start (): void {
    const replica = new Replica(this, `p${++this.#started}`)
    this.replicas.push(replica)
    replica.start()
  }

  #faultLater (): void {
    this.later(this.random.uniform(100, 6_000), () => {
      if (!this.#stormy || this.#diet.length === 0) return
      const name = this.random.pick(this.#diet)
      this.note(`fault: ${name}`)
      this.network.count(`fault: ${name}`)
      FAULTS[name]?.(this)
      this.#faultLater()
    })
  }

  async #pass (ms: number): Promise<void> {
    await this.scheduler.advance(ms, () => { this.invariants.check() })
    this.invariants.check()
  }

  /** Invariant 8. */
  async #examine (): Promise<void> {
    const { leaseDurationMs, retryPeriodMs, requestTimeoutMs } = TIMINGS
    if (this.replicas.filter(({ candidate }) => candidate).length < 2) this.#start()
    await this.#pass(1_000)
    const leader = this.#onlyLeader('after the faults')
    for (const { elector, name, over } of this.replicas) {
      const health = elector.health()
      if (!over && !health.healthy) throw new InvariantViolation(`8: ${name} is unhealthy: ${health.reason}`)
    }
    switch (this.random.pick(['stop', 'kill', 'prove'])) {
      case 'stop':
        leader.stop()
        await this.#pass(this.rules.windDownMs + 500)
        break
      case 'kill':
        leader.kill()
        await this.#pass(leaseDurationMs + 2 * retryPeriodMs + requestTimeoutMs)
        break
      case 'prove':
        leader.kill()
        for (const { elector, candidate } of this.replicas) if (candidate) elector.challenge(leader.elector.identity)
        await this.#pass(500)
    }
    if (this.#onlyLeader('after the last leader') === leader) throw new InvariantViolation(`8: ${leader.name} leads on`)
  }

  #onlyLeader (when: string): Replica {
    const leaders = this.replicas.filter(({ leads }) => leads)
    const [leader] = leaders
    if (leader === undefined || leaders.length > 1) throw new InvariantViolation(`8: ${leaders.length} leaders ${when}`)
    return leader
  }

  #drawWeather (): Weather {
    const { random } = this
    const mild = () => random.chance(0.5) ? random.uniform(0, 0.15) : 0
    return {
      slow: mild(), loseRequest: mild(), loseReply: mild(), failBefore: mild(), failAfter: mild(), loseHint: random.next(), slowHint: mild()
    }
  }
}
