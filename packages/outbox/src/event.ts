export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue | undefined }

/** An event for {@link enqueue}. */
export interface NewEvent {
  /** A UUID; a new one of version 7 if left out. Every consumer recognises the event by it. */
  eventId?: string
  aggregateType: string
  aggregateId: string
  /** 1, 2, 3, … per aggregate, taken under the aggregate's row lock. */
  aggregateVersion: number | bigint
  eventType: string
  payload: JsonValue
  /** Headers of the record, for example `traceparent`. */
  headers?: Record<string, string>
}

/** An event as the relay reads it: text as Postgres prints it, so nothing is parsed on the way to Kafka. */
export interface OutboxEvent {
  /** A number: the events of one aggregate are published in the order of their ids. */
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
   * Set when the event is larger than the read's `maxEventBytes`: its size in bytes, or its size in the table if that alone is too
   * large. Payload and headers were not read then.
   */
  withheldBytes?: number
}
