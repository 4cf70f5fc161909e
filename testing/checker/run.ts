import type { Entry } from './entry.ts'
import type { FinalState } from './final-state.ts'

/** What was run, and under which conditions the promises are to be judged. */
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
  /** How soon after the last fault nothing may be on its way any more. */
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

/** All that a verdict is made of. */
export interface Run {
  description: RunDescription
  entries: Iterable<Entry>
  final: FinalState
}
