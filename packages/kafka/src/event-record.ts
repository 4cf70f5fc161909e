type HeaderValue = Buffer | string

/** A Kafka record, before it is written or after it was read. */
export interface EventRecord {
  topic: string
  /** Records with the same key go to the same partition, and so stay in order. */
  key: Buffer | string | null
  value: Buffer | string | null
  headers: Record<string, HeaderValue | HeaderValue[]>
  /** Only to choose the partition by hand; by default the key does. */
  partition?: number
}
