import type { ReceivedEvent } from './received-event.ts'

export interface Guarded {
  /** In the given order. Each event raises its order's version. */
  effective: ReceivedEvent[]
  /** How many events are not newer than the applied version. */
  stale: number
  /** How many versions are missing. */
  gaps: number
}

/**
 * Keeps the events that are newer than the applied version of their order. The inbox cannot do this: it detects copies of an
 * event, not old events.
 *
 * A gap (version 4 after 2) is allowed and counted. Version 3 is a dead letter, of the relay or of this consumer. Waiting for it
 * would stop the order forever. Nothing else is lost, because every event carries the complete status.
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
