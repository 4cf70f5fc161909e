// The invariants of every run, whatever the faults. All are checked from outside: from requests, replies and the
// signals of the terms, never from the elector's own state.
//
//  1. Mutual exclusion. At no time can the code of two leaders run, as long as no clock runs more than
//     leaseDuration / renewDeadline times as fast as another. (A frozen replica runs no code; when it is thawed, it has to
//     stop before it does anything else.) Not in fenced runs, and not when the lease was deleted and is made again by a
//     replica that cannot know its last holder: it never saw it, or was looking at no lease both before and after it (a
//     record has a version; its absence has none).
//  2. Renew deadline. No replica leads for longer than the renew deadline after sending the last request that confirmed it.
//     In fenced runs this holds for a store that answers; one that cannot be reached ends no term.
//  3. Evidence. No replica leads after it has read that another one holds the lease.
//  4. Precondition. A replica replaces a record only with a version that it was given.
//  5. Transitions. The count grows by one when the holder changes, and stays otherwise. It starts again only when the lease
//     was deleted and is created by a replica that never saw it.
//  6. Release. Only the holder empties the record, and only after its work has ended.
//  7. One at a time. No replica begins its work before its last work has ended, or stops before its work.
//  8. Liveness. After the faults there is exactly one leader within the time that the settings promise, and
//     every candidate is healthy. A leader that stops is replaced at once, one that dies when its lease has expired, or
//     at once after a challenge.
import type { ElectorEvent, LeaderElectionRecord } from '@orders/leader-election'
import type { NetworkObserver, Request } from './network.ts'
import type { Rules } from './rules.ts'

/** Timers fire at whole milliseconds. */
const ROUNDING_MS = 2

/** The state of a replica when it sent a request. */
export interface Sent {
  /** By its own clock. */
  clock: number
  working: boolean
  transitionsSeen: number
}

/** A replica, as far as the invariants see it. They also keep their notes here. */
export interface ObservedReplica {
  readonly name: string
  readonly clock: { now: () => number }
  readonly elector: { identity: string }
  readonly leads: boolean
  readonly working: boolean
  readonly sent: Map<Request, Sent>
  readonly seen: Set<string>
  readonly versionsGiven: Set<unknown>
  confirmedSentAt: number
  sawAnotherHolder: boolean
  lastTransitionsSeen: number
  absentSince: number
}

/** A run, as far as the invariants see it. */
export interface ObservedWorld {
  readonly replicas: readonly ObservedReplica[]
  readonly rules: Rules
  readonly scheduler: { now: number }
  note: (line: string) => void
}

export class InvariantViolation extends Error {}

export class Invariants {
  readonly #world: ObservedWorld
  #excusedUntil = -Infinity
  #lastWritten = { tenure: '', at: -Infinity }
  #violation: InvariantViolation | undefined

  constructor (world: ObservedWorld) {
    this.#world = world
  }

  /** @throws InvariantViolation */
  check (): void {
    const { replicas, rules, scheduler } = this.#world
    if (this.#violation !== undefined) throw this.#violation
    const leaders = replicas.filter(({ leads }) => leads)
    if (leaders.length > 1 && !rules.fenced && scheduler.now > this.#excusedUntil) {
      throw new InvariantViolation(`1: ${leaders.map(({ name }) => name).join(' and ')} lead at the same time`)
    }
    for (const leader of leaders) {
      const unconfirmedMs = leader.clock.now() - leader.confirmedSentAt
      if (!rules.fenced && unconfirmedMs > rules.timings.renewDeadlineMs + ROUNDING_MS) {
        throw new InvariantViolation(`2: ${leader.name} leads ${unconfirmedMs} ms after its last confirmed request`)
      }
      if (leader.sawAnotherHolder) throw new InvariantViolation(`3: ${leader.name} leads after it has read that another one does`)
    }
  }

  observe (replica: ObservedReplica): NetworkObserver {
    return {
      onSend: (request) => {
        replica.sent.set(request, { clock: replica.clock.now(), working: replica.working, transitionsSeen: replica.lastTransitionsSeen })
      },
      onApplied: (request, before, after) => {
        this.#world.note(`${replica.name} wrote ${JSON.stringify(after)}`)
        this.#onApplied(replica, request, before, after)
      },
      onAbsent: () => {
        replica.absentSince = Math.min(replica.absentSince, this.#world.scheduler.now)
      },
      onDelivered: (request, { record, version }) => {
        replica.absentSince = Infinity
        replica.versionsGiven.add(version)
        replica.seen.add(tenure(record))
        replica.lastTransitionsSeen = record.leaseTransitions
        if (request.kind === 'get') {
          if (record.holderIdentity !== replica.elector.identity) replica.sawAnotherHolder = true
        } else if (record.holderIdentity === replica.elector.identity) {
          replica.sawAnotherHolder = false
          replica.confirmedSentAt = Math.max(replica.confirmedSentAt, this.#sent(replica, request).clock)
        }
      }
    }
  }

  onWorkBegins (replica: ObservedReplica): void {
    if (replica.working) this.#fail(`7: ${replica.name} begins its work a second time`)
  }

  onStopped (replica: ObservedReplica): void {
    if (replica.working) this.#fail(`7: ${replica.name} ends before its work`)
  }

  onEvent (replica: ObservedReplica, event: ElectorEvent): void {
    if (event.type === 'term-ended' && event.reason === 'not-renewed' && this.#world.rules.fenced) {
      this.#fail(`2: ${replica.name} stopped because the store could not be reached`)
    }
  }

  #onApplied (replica: ObservedReplica, request: Request, before: LeaderElectionRecord | undefined, after: LeaderElectionRecord): void {
    const { scheduler, rules } = this.#world
    const { name, elector: { identity } } = replica
    const lastWritten = this.#lastWritten
    this.#lastWritten = { tenure: tenure(after), at: scheduler.now }
    if (request.kind === 'update' && !replica.versionsGiven.has(request.version)) this.#fail(`4: ${name} replaced a record that it never read`)
    if (before === undefined) {
      if (!replica.seen.has(lastWritten.tenure) || replica.absentSince < lastWritten.at) this.#excusedUntil = scheduler.now + rules.timings.renewDeadlineMs
      else if (after.leaseTransitions < this.#sent(replica, request).transitionsSeen) this.#fail(`5: ${name} made the lease again with a lower count`)
      return
    }
    const expected = after.holderIdentity === identity && before.holderIdentity !== identity ? before.leaseTransitions + 1 : before.leaseTransitions
    if (after.leaseTransitions !== expected) this.#fail(`5: ${name} made ${after.leaseTransitions} transitions out of ${before.leaseTransitions}`)
    if (after.holderIdentity === '') {
      if (before.holderIdentity !== identity) this.#fail(`6: ${name} released the lease of ${before.holderIdentity}`)
      if (this.#sent(replica, request).working) this.#fail(`6: ${name} released the lease while it was at work`)
    }
  }

  #sent (replica: ObservedReplica, request: Request): Sent {
    const sent = replica.sent.get(request)
    if (sent === undefined) throw new Error('expected a request that was sent')
    return sent
  }

  #fail (message: string): void {
    this.#violation ??= new InvariantViolation(message)
  }
}

/** One tenure of a holder, with all its renewals. */
function tenure ({ holderIdentity, leaseTransitions }: LeaderElectionRecord): string {
  return `${holderIdentity}#${leaseTransitions}`
}
