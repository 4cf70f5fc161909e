/** Everything that is true when a run has ended, its faults are healed, and nothing is on its way any more. */
export interface FinalState {
  /** Table `orders`. */
  orders: readonly OrderRow[]
  /** What was answered under each Idempotency-Key, from `idempotency_keys`; successes only. */
  answers: readonly AnswerRow[]
  /** Every event that any transaction ever committed to the outbox, also those that were published and deleted since. */
  enqueued: readonly EnqueuedRow[]
  /** Ids that are still in the outbox. */
  outbox: readonly number[]
  deadLetters: readonly DeadLetterRow[]
  /** What happened to `relay_shard` and to the outbox's rows, in the order of commits. */
  fence: readonly FenceRow[]
  /** The topic as a read-committed reader sees it, by partition in the order of offsets. */
  topic: readonly TopicRow[]
  /** Table `inbox`. */
  inbox: readonly string[]
  /** Table `order_history`: each effect once. */
  effects: readonly EffectRow[]
  /** Table `order_views`. */
  views: readonly OrderRow[]
  /** Effects that the consumer counted, in the transactions of the effects. */
  effectsCounted: number
  /** What the consumer group has committed: the next offset by partition. */
  offsets: readonly OffsetRow[]
  /** What the consumer put on its dead-letter topic, by where it came from. */
  putAside: readonly OffsetRow[]
  /** Sessions of Postgres that are idle in a transaction. */
  idleInTransaction: number
  /** Processes that are ready, or what they said instead. */
  health: Readonly<Record<string, string>>
}

export interface OrderRow {
  order: string
  version: number
  status: string
}

export interface AnswerRow {
  key: string
  order: string
  version: number
}

export interface EnqueuedRow {
  id: number
  event: string
  order: string
  version: number
  /** The status that the event leads to. */
  status: string
  /** SHA-256 of the payload. */
  hash: string
}

export interface DeadLetterRow {
  event: string
  order: string
  version: number
  blocking: boolean
  replayed: boolean
}

export interface FenceRow {
  what: 'take-over' | 'claim' | 'complete' | 'delete'
  /** The session's application name: which relay, and which life of it. */
  by: string
  /** Of `relay_shard`; for a delete, of the row that was changed in the same transaction, if any was. */
  shard?: number
  epoch?: number
  /** The outbox ids that were claimed or deleted. */
  ids?: readonly number[]
}

export interface TopicRow {
  partition: number
  offset: number
  /** undefined: no event of ours, for example one that was sent to see what the consumer makes of it. */
  event?: string
  order?: string
  version?: number
  hash?: string
}

export interface EffectRow extends OrderRow {
  event: string
}

export interface OffsetRow {
  partition: number
  offset: number
}
