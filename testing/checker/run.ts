import type { Entry } from './entry.ts'
import type { FinalState } from './final-state.ts'

/** The settings of a run that the invariants depend on. */
export interface RunDescription {
  /** Decides the schedule of the faults and the load; the same seed gives the same schedule. */
  seed: number
  startedAt: string
  durationMs: number
  delivery: 'exactly-once' | 'at-least-once'
  /** RELAY_REFUSED. */
  refused: 'block' | 'skip'
  /** RELAY_BATCH_EVENTS. */
  batchEvents: number
  /** How soon after the last fault everything must have arrived. */
  recoveryDeadlineMs: number
  /** When everything had arrived after the last fault, in milliseconds since the run began; undefined: it never did. */
  recoveredAt?: number | undefined
  /** The faults as they were planned. */
  schedule: readonly PlannedFault[]
}

export interface PlannedFault {
  f: string
  atMs: number
  forMs: number
  target: string
}

/** All that a verdict is based on. */
export interface Run {
  description: RunDescription
  entries: Iterable<Entry>
  final: FinalState
}
