import type { Part } from '../checker/index.ts'
import type { Random } from '../framework/random.ts'
import type { System } from '../system/system.ts'

export interface StartedFault {
  target: string
  affects: readonly Part[]
  heal: () => Promise<unknown>
}

export type Place = 'relays' | 'api' | 'consumer' | 'postgres' | 'kafka' | 'lease' | 'links to postgres' | 'links to kafka' | 'links to the lease' | 'topic'

/** One way to break the system. */
export interface Fault {
  /** F1, F2, … as docs/guarantees.md lists them. */
  f: string
  title: string
  /** What it lays hands on: of two faults in one place, one waits for the other. */
  places: readonly Place[]
  /** How long it lasts, at least and at most, in milliseconds. */
  forMs: readonly [number, number]
  /** What it needs that a run may not have. */
  needs?: 'kubernetes' | 'faketime' | 'small-disks' | 'one-broker' | 'three-brokers' | 'restore'
  /** How often it comes in the random mix; 1 if not given. */
  weight?: number
  start: (system: System, random: Random) => Promise<StartedFault> | StartedFault
}
