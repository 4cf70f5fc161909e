import type { ReceivedEvent } from './received-event.ts'

export interface Guarded {
  /** In the order given; each raises its order's version. */
  effective: ReceivedEvent[]
  /** How many are not newer than what was applied already. */
  stale: number
  /** How many versions were missing before an event. */
  gaps: number
}

/**
 * Lets through the events that are newer than what their orders have seen. The inbox cannot do this: it knows that an
 * event is new, not that it comes too late.
 *
 * A gap (version 4 after 2) is let through and counted. Version 3 is a dead letter of the relay that was skipped or
 * discarded, or was put on the dead-letter topic here: waiting for it would stop the order for good, and every event
 * carries the whole status.
 */
export function guardVersions (events: readonly ReceivedEvent[], versions: ReadonlyMap<string, number>): Guarded {
  const current = new Map(versions)
  const guarded: Guarded = { effective: [], stale: 0, gaps: 0 }
  for (const event of events) {
    const version = current.get(event.orderId) ?? 0
    if (event.version <= version) {
      guarded.stale++
      continue
    }
    guarded.gaps += event.version - version - 1
    guarded.effective.push(event)
    current.set(event.orderId, event.version)
  }
  return guarded
}
