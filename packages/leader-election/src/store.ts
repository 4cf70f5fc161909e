import type { LeaderElectionRecord, ParsedRecord } from './record.ts'

/** A record, and the version that a write must present to replace exactly this one. */
export interface LeaseSnapshot extends ParsedRecord {
  /** Opaque: only the store that returned it can read it. */
  version: unknown
}

/** The timeout of a request. */
export interface StoreRequest {
  /** Aborted when the elector no longer waits for the reply. The request may still have had its effect. */
  signal: AbortSignal
  /** The same timeout in milliseconds, for drivers without signals. */
  timeoutMs: number
}

/**
 * Holds the record. Any store with a compare-and-set fits. Every failure is a {@link LeaseStoreError}; any other error counts as
 * `unavailable`.
 */
export interface LeaseStore {
  /** For messages, such as `Lease orders/outbox-relay-0`. */
  readonly description: string
  /** @throws LeaseStoreError `not-found` when there is no record */
  get: (request: StoreRequest) => Promise<LeaseSnapshot>
  /** @throws LeaseStoreError `conflict` when the record exists already */
  create: (record: LeaderElectionRecord, request: StoreRequest) => Promise<LeaseSnapshot>
  /** @throws LeaseStoreError `conflict` or `not-found` when the record no longer has this version */
  update: (record: LeaderElectionRecord, version: unknown, request: StoreRequest) => Promise<LeaseSnapshot>
  /** Reports changes as hints: late, twice, or not at all are allowed. */
  watch: (observer: LeaseObserver) => LeaseWatch
}

export interface LeaseObserver {
  /** The record may have changed; `record` if the store knows the new one. */
  onHint: (record?: LeaderElectionRecord) => void
  /** There will be no hints for a while. The watch retries by itself. */
  onError: (error: Error) => void
}

export interface LeaseWatch {
  close: () => Promise<void>
}

export type LeaseStoreErrorReason =
  /** Another write came first, and this one did not happen. */
  | 'conflict'
  /** There is no such record. */
  | 'not-found'
  /** No usable reply: a write may have happened, or may still happen. */
  | 'unavailable'
  /** Not authenticated or not authorised (401, 403, a missing grant). */
  | 'forbidden'
  /** The store answered, and will never accept this request: a missing table, an invalid record. */
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
