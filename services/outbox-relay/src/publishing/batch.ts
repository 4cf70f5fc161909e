import type { EventRecord } from '@orders/kafka'
import type { EventNames, OutboxEvent } from '@orders/outbox'
import { toRecord, type RecordOptions } from './record.ts'

/** Events that are published together, and their records. */
export interface Batch extends EventNames {
  /** Every event that was read, in the order of ids. */
  read: readonly OutboxEvent[]
  /** The events that have a record. `ids`, `eventIds` and `records` are theirs. */
  events: readonly OutboxEvent[]
  records: readonly EventRecord[]
  /** The events that have none, or one above RELAY_MAX_RECORD_BYTES, in the order of ids. */
  unsendable: readonly UnsendableEvent[]
  /** The read ended at its limits, so there is probably more. */
  isFull: boolean
}

export interface UnsendableEvent {
  event: OutboxEvent
  /** What was expected and what was found. */
  reason: string
}

export function toBatch (read: readonly OutboxEvent[], isFull: boolean, options: RecordOptions): Batch {
  const events: OutboxEvent[] = []
  const records: EventRecord[] = []
  const unsendable: UnsendableEvent[] = []
  for (const event of read) {
    try {
      records.push(toRecord(event, options))
      events.push(event)
    } catch (error) {
      // Any reason counts: thrown on, it would stop every event behind this one forever.
      unsendable.push({ event, reason: (error as Error).message })
    }
  }
  return { read, events, ids: events.map(({ id }) => id), eventIds: events.map(({ eventId }) => eventId), records, unsendable, isFull }
}
