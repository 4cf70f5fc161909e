/** Everything that a run left behind, after its faults are healed and nothing is in flight any more. */
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
  /** `ready` for each process, or its answer to the readiness check. */
  health: Readonly<Record<string, string>>
  /** The times at which Postgres was put back to an earlier state, in their order. */
  restores: readonly RestoreRow[]
  /** Events that a restore threw away: in the database just before it, and not just after it. */
  undoneEvents: readonly UndoneEventRow[]
  /** Stored answers that a restore threw away, likewise. */
  undoneAnswers: readonly AnswerRow[]
  /** What happened to `relay_shard` and to the outbox's rows between a backup and its restore. */
  undoneFence: readonly UndoneFenceRow[]
  /** Copies of the database that ran for a while beside it, with a relay of the same name on the same topic. */
  copies: readonly CopyRow[]
  /** What was committed in a copy and nowhere else. */
  copiedEvents: readonly EnqueuedRow[]
  /** The topics as Kafka's own Java consumer sees them, compared with our reader; undefined: not compared. */
  readers?: ReadersRow | undefined
}

export interface RestoreRow {
  id: number
  /** When Postgres was up again, in milliseconds since the run began. */
  at: number
  /** The newest number in the record of {@link FinalState.fence} that the backup had. */
  fenceSeq: number
  /** The events that were in the outbox in the moment after the restore: these may be published once more. */
  outbox: readonly string[]
  /** The end of each partition while Postgres was down: the restore explains only copies behind it. */
  ends: readonly OffsetRow[]
}

export interface UndoneEventRow extends EnqueuedRow {
  /** Which restore threw it away. */
  restore: number
}

export interface UndoneFenceRow extends FenceRow {
  restore: number
}

export interface CopyRow {
  id: number
  /** When its relays ran, in milliseconds since the run began. */
  from: number
  to: number
  /** The events that were in the outbox when it was copied: both databases publish these. */
  outbox: readonly string[]
  /** Events that were still in the copy's outbox when it was stopped: not published, and not lost. */
  left: readonly string[]
}

export interface ReadersRow {
  /** Records that both readers were compared in. */
  records: number
  /** In how many they differ. */
  differences: number
  /** The first of them. */
  first: readonly string[]
}

export interface OrderRow {
  order: string
  version: number
  status: string
  /** Table `orders` only: what the client put into the request that made the order (the customer). */
  origin?: string
}

export interface AnswerRow {
  key: string
  order: string
  version: number
  status: string
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
  /** Rises with the order of the commits. */
  seq: number
  what: 'takeover' | 'claim' | 'complete' | 'delete'
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
  /** undefined: no event of ours, for example one that was sent to test the consumer. */
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
