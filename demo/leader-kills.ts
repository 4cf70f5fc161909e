import { setTimeout as delay } from 'node:timers/promises'
import { type ServiceProcess } from '@orders/testing/framework'
import { killLeader, type KillSignal, type LeaderKill } from '@orders/testing/faults/leader-kill'

/** Before the first kill the relay publishes at its normal rate; before the next one all replicas run again. */
const PAUSE_MS = 1_000

/** Kills the leader several times, and records when. */
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

  /** Resolves after the takeover that follows the last kill. @throws Error when no relay takes over */
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
