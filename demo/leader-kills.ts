import { setTimeout as delay } from 'node:timers/promises'
import { type ServiceProcess } from '@orders/testing/framework'
import { killLeader, type KillSignal, type LeaderKill } from '@orders/testing/faults/leader-kill'

/** The first kill is for a relay that has found its pace, and the next ones for a group that is complete again. */
const PAUSE_MS = 1_000

/** Kills the leader again and again, and remembers when. */
export class LeaderKills {
  readonly done: LeaderKill[] = []
  readonly planned: number
  readonly #relays: readonly ServiceProcess[]
  readonly #signal: KillSignal

  constructor (relays: readonly ServiceProcess[], { times, signal }: { times: number, signal: KillSignal }) {
    this.#relays = relays
    this.planned = times
    this.#signal = signal
  }

  /** Resolves after the last one has been survived. @throws Error when nobody takes over */
  async run (stop: AbortSignal): Promise<void> {
    while (this.done.length < this.planned) {
      await delay(PAUSE_MS, undefined, { signal: stop }).catch(() => {})
      if (stop.aborted) return
      this.done.push(await killLeader(this.#relays, this.#signal))
    }
    // So that something is published after the last one too.
    await delay(PAUSE_MS, undefined, { signal: stop }).catch(() => {})
  }
}
