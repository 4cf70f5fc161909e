import type { ElectorEvent, LeaderElector, LeaseTerm } from '@orders/leader-election'
import { FakeClock } from '../fakes/fake-clock.ts'
import type { Scheduler } from '../fakes/scheduler.ts'
import type { Invariants, Sent } from './invariants.ts'
import { Link, type Network, type Request } from './network.ts'
import type { Random } from '@orders/testing/framework/random'
import type { Rules } from './rules.ts'

/** A run, as far as a replica needs it. */
export interface ReplicaWorld {
  readonly random: Random
  readonly scheduler: Scheduler
  readonly network: Network
  readonly invariants: Invariants
  readonly rules: Rules
  readonly Elector: typeof LeaderElector
  note: (line: string) => void
}

/** One operating-system process with an elector in it: it can be frozen and thawed, killed, or asked to stop. */
export class Replica {
  readonly name: string
  readonly clock: FakeClock
  readonly link: Link
  readonly elector: LeaderElector
  readonly #world: ReplicaWorld
  readonly #stop = new AbortController()
  readonly #endWork = new Set<() => void>()
  #arrived: Array<() => void> = []
  frozen = false
  /** Killed, or ended after it was asked to stop. */
  over = false
  stopping = false
  /** The guarded work has begun and not ended. */
  working = false
  term: LeaseTerm | undefined
  // Known from outside, from its requests and their replies.
  readonly sent = new Map<Request, Sent>()
  confirmedSentAt = -Infinity
  sawAnotherHolder = false
  readonly seen = new Set<string>()
  lastTransitionsSeen = 0
  /** When it first read that there is no lease, and has not read one since. */
  absentSince = Infinity
  readonly versionsGiven = new Set<unknown>()

  constructor (world: ReplicaWorld, name: string) {
    const { scheduler, random, rules } = world
    this.#world = world
    this.name = name
    this.clock = new FakeClock(scheduler, {
      rate: random.uniform(1, rules.clockRateRatio),
      startsAt: random.uniform(0, 1e9),
      dateOffsetMs: random.uniform(-1, 1) * 86_400_000
    })
    this.link = new Link(world.network, (work) => { this.#deliver(work) }, world.invariants.observe(this))
    this.elector = new world.Elector({
      ...rules.timings,
      store: this.link,
      identity: name,
      keepLeadingWhileUnreachable: rules.fenced,
      clock: this.clock,
      random: () => random.next(),
      onEvent: (event) => { this.#onEvent(event) }
    })
  }

  start (): void {
    void this.elector.run({ signal: this.#stop.signal, lead: (term) => this.#lead(term) }).then(() => {
      this.over = true
      this.#world.network.links.delete(this.link)
      this.#world.invariants.onStopped(this)
    })
  }

  /** Whether code of this replica can run now that takes it for the leader. */
  get leads (): boolean {
    return this.term !== undefined && !this.term.signal.aborted && !this.frozen && !this.over
  }

  get candidate (): boolean {
    return !this.over && !this.stopping
  }

  freeze (): void {
    this.frozen = true
    this.clock.freeze()
  }

  thaw (): void {
    if (this.over) return
    this.frozen = false
    // As measured on Node: due timers run first, network events after them.
    this.clock.thaw()
    this.#world.scheduler.schedule(0, () => {
      if (this.frozen || this.over) return
      for (const work of this.#arrived.splice(0)) work()
    })
  }

  kill (): void {
    this.over = true
    this.clock.freeze()
    this.#world.network.links.delete(this.link)
  }

  stop (): void {
    this.stopping = true
    this.#stop.abort()
  }

  #deliver (work: () => void): void {
    if (this.over) return
    if (this.frozen) this.#arrived.push(work)
    else work()
  }

  /** The work ends by itself. */
  endWork (): void {
    for (const end of this.#endWork) end()
  }

  async #lead (term: LeaseTerm): Promise<void> {
    const { random, invariants, rules } = this.#world
    invariants.onWorkBegins(this)
    this.term = term
    this.working = true
    const ended = new Promise<void>((resolve) => {
      term.signal.addEventListener('abort', () => { resolve() })
      this.#endWork.add(resolve)
    })
    await ended
    this.#endWork.clear()
    if (term.signal.aborted) {
      await new Promise<void>((resolve) => { this.clock.setTimer(random.uniform(0, rules.windDownMs), resolve) })
    }
    this.working = false
    if (random.chance(0.2)) throw new Error('simulated')
  }

  #onEvent (event: ElectorEvent): void {
    this.#world.note(`${this.name} ${event.type} ${JSON.stringify(event, (_, value: unknown) => value instanceof Error ? value.message : value)}`)
    this.#world.network.count(event.type === 'acquired' ? `acquired: ${event.because}` : event.type === 'term-ended' ? `term-ended: ${event.reason}` : event.type)
    this.#world.invariants.onEvent(this, event)
  }
}
