/**
 * How an operation ended, after Jepsen: `ok` happened, `fail` certainly did not, `info` is not known (a timeout, a closed
 * connection). `invoke` is its beginning.
 */
export type EntryType = 'invoke' | 'ok' | 'fail' | 'info'

interface EntryBase {
  /** Milliseconds since the run began, by the recorder's monotonic clock. */
  t: number
  process: string
  type: EntryType
}

/** A request to the order-api, repeated under one Idempotency-Key until it is answered: one operation, however many tries. */
export interface ClientEntry extends EntryBase {
  kind: 'client'
  f: 'create' | 'confirm' | 'ship' | 'deliver' | 'cancel'
  /** Pairs the start with the end. */
  op: number
  /** The Idempotency-Key; missing for a writer that sends none. */
  key?: string
  /** `create` only: unique to this request, and stored in the order that it creates. */
  origin?: string
  /** Another client changes the same order at the same time: a refusal is correct. */
  contested?: boolean
  /** Known from the answer, and before it for everything but `create`. */
  order?: string
  version?: number
  status?: string
  /** Answers other than success on the way to this end, 0 for none at all. */
  refusals?: number[]
  /** Answers of success to further requests with the same key, sent at the same time or afterwards. All have to be the same. */
  again?: Answer[]
}

/** An order as the API answers it. */
export interface Answer {
  order: string
  version: number
  status: string
}

/** An event in the log of a relay. */
export interface RelayEntry extends EntryBase {
  kind: 'relay'
  /** `foreign`: the relay found a position in Kafka that is not from its database. */
  f: 'takeover' | 'publish' | 'fenced' | 'dead-letter' | 'foreign'
  shard?: number
  epoch?: number
  events?: number
  detail?: string
}

export interface ConsumerEntry extends EntryBase {
  kind: 'consumer'
  f: 'apply' | 'dead-letter'
  partition: number
  applied: number
  duplicates: number
}

/** A fault: `invoke` when it begins, `ok` when it is over. */
export interface FaultEntry extends EntryBase {
  kind: 'fault'
  /** F1, F2, … as docs/guarantees.md lists them. */
  f: string
  id: number
  target: string
  /** The parts that are not available during the fault. */
  affects: readonly Part[]
}

/** The parts that a fault can make unavailable. */
export type Part = 'postgres' | 'kafka' | 'kubernetes' | 'order-api' | 'outbox-relay' | 'order-consumer'

/** Measurements of one moment. */
export interface SampleEntry extends EntryBase {
  kind: 'sample'
  f: 'sample'
  /** Events in the outbox; undefined while Postgres does not answer. */
  backlog?: number
  /** How long a commit took, straight at the server; undefined while Postgres does not answer. */
  commitMs?: number
  accepted: number
  published: number
  applied: number
  /** Which process publishes each shard; by shard. */
  leaders: Record<string, string>
  /** Resident memory by process, in bytes. */
  rssBytes: Record<string, number>
}

/** The life of a process: `invoke` start, `ok` an end that was asked for, `fail` one that was not; `info` a log line that should never appear. */
export interface ProcessEntry extends EntryBase {
  kind: 'process'
  f: 'life' | 'log'
  detail?: string
}

export type Entry = ClientEntry | RelayEntry | ConsumerEntry | FaultEntry | SampleEntry | ProcessEntry
