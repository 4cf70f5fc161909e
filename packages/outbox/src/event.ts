export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue | undefined }

/** An event as a writer hands it to {@link enqueue}. */
export interface NewEvent {
  /** A UUID; a version 7 one is made when it is left out. Everything downstream recognises the event by it. */
  eventId?: string
  aggregateType: string
  aggregateId: string
  /** 1, 2, 3, … per aggregate, taken under the aggregate's row lock. */
  aggregateVersion: number | bigint
  eventType: string
  payload: JsonValue
  /** Carried to the record's headers, for example `traceparent`. */
  headers?: Record<string, string>
}

/** An event as the relay reads it: text as Postgres prints it, so that nothing is parsed on the way to Kafka. */
export interface OutboxEvent {
  /** The position in the outbox, a number: events of one aggregate are published in the order of their ids. */
  id: string
  eventId: string
  aggregateType: string
  aggregateId: string
  aggregateVersion: string
  eventType: string
  /** JSON. */
  payload: string
  /** A JSON object of strings. */
  headers: string
  /** RFC 3339, UTC, up to microseconds. */
  createdAt: string
  /**
   * Set when the event is larger than the read's `maxEventBytes`: its size in bytes, or what it takes in the table where that
   * is more than enough to tell. Payload and headers are not its own then.
   */
  withheldBytes?: number
}
