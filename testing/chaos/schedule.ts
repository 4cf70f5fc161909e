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
 * Which fault comes when and for how long; decided before the run by the seed alone. Every other pair overlaps: what one
 * fault does is hidden by the recovery from another one often enough.
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
