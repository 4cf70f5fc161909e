import type { Part } from '../checker/index.ts'
import type { Random } from '../framework/random.ts'
import type { System } from '../system/system.ts'

export interface StartedFault {
  target: string
  affects: readonly Part[]
  heal: () => Promise<unknown>
}

export type Place = 'relays' | 'api' | 'consumer' | 'postgres' | 'kafka' | 'lease' | 'links to postgres' | 'links to kafka' | 'links to the lease' | 'topic'

/** One way to break the system. To add a fault, copy an entry of process-faults.ts; faults.ts lists all of them. */
export interface Fault {
  /** F1, F2, … as docs/guarantees.md lists them. */
  f: string
  title: string
  /** The parts that it changes. Two faults in one place run one after the other. */
  places: readonly Place[]
  /** How long it lasts, at least and at most, in milliseconds. */
  forMs: readonly [number, number]
  /** A requirement that not every run meets. */
  needs?: 'kubernetes' | 'faketime' | 'small-disks' | 'one-broker' | 'three-brokers' | 'restore'
  /** Its weight in the random mix (default 1). */
  weight?: number
  start: (system: System, random: Random) => Promise<StartedFault> | StartedFault
}
