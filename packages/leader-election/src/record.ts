/** What the lease says: the fields of a Kubernetes `Lease`, which are those of client-go's LeaderElectionRecord. */
export interface LeaderElectionRecord {
  /** Empty: nobody holds the lease. */
  holderIdentity: string
  /** How long the others wait after the last change that they saw. 0: the record does not say. */
  leaseDurationSeconds: number
  /** For people, from the holder's clock, which nobody else can trust. Strings, so that nobody calculates with them. */
  acquireTime: string
  renewTime: string
  /** Counts the changes of holder. No fencing token: whoever deletes the lease starts it again. */
  leaseTransitions: number
}

/** A lease of an hour is longer than anybody should wait for a dead holder; one of years is a slip of the hand. */
export const MAX_LEASE_DURATION_SECONDS = 3_600
/** One below the end of a 32-bit integer, which the stores keep: the next change of holder has to fit too. */
const MAX_LEASE_TRANSITIONS = 2 ** 31 - 2

/** The record once `identity` has taken the lease; `previous` is the one that was last seen, if any. */
export function taken (
  previous: LeaderElectionRecord | undefined, identity: string, leaseDurationSeconds: number, date: Date
): LeaderElectionRecord {
  const time = date.toISOString()
  if (previous?.holderIdentity === identity) return renewed(previous, leaseDurationSeconds, date)
  return {
    holderIdentity: identity,
    leaseDurationSeconds,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: previous === undefined ? 0 : previous.leaseTransitions + 1
  }
}

/** The same holder, alive. */
export function renewed (record: LeaderElectionRecord, leaseDurationSeconds: number, date: Date): LeaderElectionRecord {
  return { ...record, leaseDurationSeconds, renewTime: date.toISOString() }
}

/** Nobody holds it. The duration is the smallest that Kubernetes accepts: 0 is refused. */
export function released (record: LeaderElectionRecord, date: Date): LeaderElectionRecord {
  const time = date.toISOString()
  return { ...record, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: time, renewTime: time }
}

/**
 * Whether the holder has given a sign of life between the two. The fields are compared and not the version: somebody who
 * only edits the labels of a lease keeps no dead holder alive.
 */
export function sameRecord (a: LeaderElectionRecord, b: LeaderElectionRecord): boolean {
  return a.holderIdentity === b.holderIdentity && a.renewTime === b.renewTime && a.acquireTime === b.acquireTime &&
    a.leaseDurationSeconds === b.leaseDurationSeconds && a.leaseTransitions === b.leaseTransitions
}

/** The fields as a store holds them; anything may be missing or have been edited by hand. */
export type RecordFields = { readonly [Field in keyof LeaderElectionRecord]?: unknown }

export interface ParsedRecord {
  record: LeaderElectionRecord
  /** What was expected of which field, and found instead; empty for a sound record. */
  problems: string[]
}

/**
 * Reads a record, whatever it holds: garbage must stop no candidate. An unusable duration becomes 0 and an unusable count 0;
 * the lease then runs out by the reader's own duration.
 */
export function parseRecord (fields: RecordFields): ParsedRecord {
  const problems: string[] = []
  const holderIdentity = text(fields.holderIdentity)
  const count = (field: 'leaseDurationSeconds' | 'leaseTransitions', min: number, max: number): number => {
    const value = fields[field]
    if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value)
    // A lease that nobody has held yet, made beforehand by an installer, has no fields at all.
    if (holderIdentity !== '') problems.push(`${field}: expected a whole number from ${min} to ${max}, found ${JSON.stringify(value)}`)
    return 0
  }
  const record = {
    holderIdentity,
    leaseDurationSeconds: count('leaseDurationSeconds', 1, MAX_LEASE_DURATION_SECONDS),
    acquireTime: text(fields.acquireTime),
    renewTime: text(fields.renewTime),
    leaseTransitions: count('leaseTransitions', 0, MAX_LEASE_TRANSITIONS)
  }
  return { record, problems }
}

function text (value: unknown): string {
  return typeof value === 'string' ? value : ''
}
