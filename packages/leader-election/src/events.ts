import type { TermEnd } from './errors.ts'
import type { LeaseStoreError } from './store.ts'

/** Why the lease could be taken. */
export type TakenBecause = 'created' | 'free' | 'expired' | 'challenged' | 'own'

/** The events of an elector, for logs and metrics. */
export type ElectorEvent =
  /** Another holder than before was seen; undefined: none. */
  | { type: 'holder-changed', holder: string | undefined, transitions: number }
  /** A term begins. */
  | { type: 'acquired', because: TakenBecause, transitions: number, durationMs: number }
  | { type: 'renewed', durationMs: number }
  /** A request failed, of a leader or of a standby. `conflict`: the race for the lease was lost, which is normal. */
  | { type: 'attempt-failed', leading: boolean, error: LeaseStoreError }
  /** The renew deadline has passed without a reply of the store, and the term goes on (`keepLeadingWhileUnreachable`). */
  | { type: 'leading-unconfirmed', sinceMs: number }
  /** The signal of the term has been aborted. The work may still be running. */
  | { type: 'term-ended', reason: TermEnd, detail: string }
  /** The work rejected. */
  | { type: 'work-failed', error: unknown }
  /** The work has ended, `afterMs` after the end of its term. */
  | { type: 'work-ended', afterMs: number }
  | { type: 'released', durationMs: number }
  /** The lease stays ours until it expires. */
  | { type: 'release-failed', error: LeaseStoreError }
  /** The challenged holder does not hold the lease any more. */
  | { type: 'challenge-void', holder: string, found: string }
  /** The record was edited by hand, or by something that is no elector. */
  | { type: 'malformed-record', problems: readonly string[] }
  | { type: 'watch-failed', error: Error }

export type ElectorEventListener = (event: ElectorEvent) => void
