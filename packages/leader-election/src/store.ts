import type { LeaderElectionRecord, ParsedRecord } from './record.ts'

/** A record, and the token that a write must present to replace exactly this one. */
export interface LeaseSnapshot extends ParsedRecord {
  /** Opaque: it means something to the store that returned it, and to nobody else. */
  version: unknown
}

/** What each request of the elector comes with. */
export interface StoreRequest {
  /** Aborted when the elector no longer waits for the reply. The request may have had its effect all the same. */
  signal: AbortSignal
  /** The same limit in milliseconds, for drivers that know no signals. */
  timeoutMs: number
}

/**
 * Where the record lives. Any store with a compare-and-set will do. Every failure is a {@link LeaseStoreError}; whatever
 * else is thrown counts as `unavailable`.
 */
export interface LeaseStore {
  /** For messages, such as `Lease orders/outbox-relay-0`. */
  readonly description: string
  /** @throws LeaseStoreError `not-found` when there is no record */
  get: (request: StoreRequest) => Promise<LeaseSnapshot>
  /** @throws LeaseStoreError `conflict` when there is one already */
  create: (record: LeaderElectionRecord, request: StoreRequest) => Promise<LeaseSnapshot>
  /** @throws LeaseStoreError `conflict` or `not-found` when the record is not the one of `version` any more */
  update: (record: LeaderElectionRecord, version: unknown, request: StoreRequest) => Promise<LeaseSnapshot>
  /** Tells of changes, as far as it can: late, twice, or not at all are all allowed. */
  watch: (observer: LeaseObserver) => LeaseWatch
}

export interface LeaseObserver {
  /** The record may have changed; to what, if the store knows it. */
  onHint: (record?: LeaderElectionRecord) => void
  /** There will be no hints for a while. The watch goes on trying by itself. */
  onError: (error: Error) => void
}

export interface LeaseWatch {
  close: () => Promise<void>
}

export type LeaseStoreErrorReason =
  /** Another write came first. Ours did not happen. */
  | 'conflict'
  /** There is no such record. */
  | 'not-found'
  /** No usable reply: a write may have happened, or may yet happen. */
  | 'unavailable'
  /** The store knows us and does not let us, or does not know us (401, 403, a missing grant). */
  | 'forbidden'
  /** The store answered, and will never take this request: a missing table, an invalid record. */
  | 'refused'

export class LeaseStoreError extends Error {
  readonly code = 'LEASE_STORE'
  readonly reason: LeaseStoreErrorReason

  constructor (reason: LeaseStoreErrorReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LeaseStoreError'
    this.reason = reason
  }

  static from (error: unknown): LeaseStoreError {
    if (error instanceof LeaseStoreError) return error
    return new LeaseStoreError('unavailable', error instanceof Error ? error.message : String(error), { cause: error })
  }
}
