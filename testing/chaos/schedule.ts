import type { PlannedFault } from '../checker/index.ts'
import type { Fault } from '../faults/fault.ts'
import type { Random } from '../framework/random.ts'

export interface Planned extends PlannedFault {
  fault: Fault
}

export interface ScheduleOptions {
  faults: readonly Fault[]
  durationMs: number
  pauseMs: readonly [number, number]
  random: Random
}

/**
 * Decides which fault starts when and for how long, before the run and by the seed alone. Some faults overlap the next one:
 * otherwise the recovery from one would often hide the effect of another.
 */
export function planSchedule ({ faults, durationMs, pauseMs, random }: ScheduleOptions): Planned[] {
  if (faults.length === 0) return []
  const weighted = faults.flatMap((fault) => Array.from({ length: fault.weight ?? 1 }, () => fault))
  const planned: Planned[] = []
  let at = random.between(...pauseMs)
  while (at < durationMs) {
    const fault = random.pick(weighted)
    const forMs = Math.min(random.between(...fault.forMs), Math.max(fault.forMs[0], durationMs - at))
    planned.push({ fault, f: fault.f, target: fault.title, atMs: at, forMs })
    const overlaps = random.next() < 0.3
    at += (overlaps ? Math.floor(forMs / 2) : forMs) + random.between(...pauseMs)
  }
  return planned
}
