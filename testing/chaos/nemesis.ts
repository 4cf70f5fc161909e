import { setTimeout as delay } from 'node:timers/promises'
import type { Recorder } from '../checker/index.ts'
import type { Place } from '../faults/fault.ts'
import type { Random } from '../framework/random.ts'
import type { Planned } from './schedule.ts'
import type { System } from '../system/system.ts'

/** Runs the schedule, and prints one line for each fault. */
export class Nemesis {
  readonly #system: System
  readonly #recorder: Recorder
  readonly #random: Random
  readonly #progress: (line: string) => void
  readonly #active = new Map<Place, Promise<void>>()
  #faults = 0

  constructor (system: System, recorder: Recorder, random: Random, progress: (line: string) => void) {
    this.#system = system
    this.#recorder = recorder
    this.#random = random
    this.#progress = progress
  }

  /** Resolves when the last fault is healed. */
  async run (schedule: readonly Planned[], stop: AbortSignal): Promise<void> {
    const startedAt = performance.now()
    for (const planned of schedule) {
      await delay(Math.max(0, planned.atMs - (performance.now() - startedAt)), undefined, { signal: stop }).catch(() => {})
      if (stop.aborted) break
      // Two faults in one place at a time would undo each other: healing one would end the other.
      for (const place of planned.fault.places) await this.#active.get(place)
      if (stop.aborted) break
      const running = this.#break(planned, stop)
      for (const place of planned.fault.places) this.#active.set(place, running)
    }
    await Promise.all(this.#active.values())
  }

  async #break ({ fault, forMs }: Planned, stop: AbortSignal): Promise<void> {
    const id = ++this.#faults
    const began = this.#recorder.now
    try {
      const { target, affects, heal } = await fault.start(this.#system, this.#random)
      const entry = { kind: 'fault' as const, process: 'nemesis', f: fault.f, id, target, affects }
      // The fault starts with the attempt, not when the attempt has ended.
      this.#recorder.record({ ...entry, type: 'invoke' }, began)
      this.#progress(`${clock(began)}  ${fault.f.padEnd(4)} ${fault.title}: ${target}, ${(forMs / 1_000).toFixed(1)} s`)
      await delay(forMs, undefined, { signal: stop }).catch(() => {})
      await heal()
      this.#recorder.record({ ...entry, type: 'ok' })
    } catch (error) {
      this.#recorder.record({ kind: 'process', process: 'nemesis', type: 'fail', f: 'life', detail: `${fault.title}: ${(error as Error).message}` })
      this.#progress(`${clock(this.#recorder.now)}  ${fault.f.padEnd(4)} ${fault.title}: ${(error as Error).message}`)
    }
  }
}

function clock (ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`
}
