/** null: Kafka allows a header without a value. */
export type HeaderValue = Buffer | string | null

/** A header that occurs several times has all its values, in their order. */
export type RecordHeaders = Record<string, HeaderValue | HeaderValue[]>

/** A Kafka record, before it is written or after it was read. */
export interface EventRecord {
  topic: string
  /** Records with the same key go to the same partition, and so stay in order. */
  key: Buffer | string | null
  value: Buffer | string | null
  headers: RecordHeaders
  /** Overrides the partition that the key would choose. */
  partition?: number
}
