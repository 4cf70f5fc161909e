/** The lease: the fields of a Kubernetes `Lease`, which are those of client-go's LeaderElectionRecord. */
export interface LeaderElectionRecord {
  /** Empty: the lease has no holder. */
  holderIdentity: string
  /** The lease expires for a candidate that has not seen it change for this long. 0: the record does not say. */
  leaseDurationSeconds: number
  /** For people, from the holder's clock, which no other process can trust. Strings, so that no code calculates with them. */
  acquireTime: string
  renewTime: string
  /** Counts the changes of holder. Not a fencing token: after the lease was deleted, the count starts again. */
  leaseTransitions: number
}

/** No standby should wait longer than an hour for a dead holder; a duration of years is a typo. */
export const MAX_LEASE_DURATION_SECONDS = 3_600
/** One below the largest 32-bit integer, which is what the stores hold: the next change of holder has to fit too. */
const MAX_LEASE_TRANSITIONS = 2 ** 31 - 2

/** The record after `identity` has taken the lease; `previous` is the record that was seen last, if any. */
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

/** The same holder, renewed. */
export function renewed (record: LeaderElectionRecord, leaseDurationSeconds: number, date: Date): LeaderElectionRecord {
  return { ...record, leaseDurationSeconds, renewTime: date.toISOString() }
}

/** Without a holder. The duration is the smallest that Kubernetes accepts: 0 is refused. */
export function released (record: LeaderElectionRecord, date: Date): LeaderElectionRecord {
  const time = date.toISOString()
  return { ...record, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: time, renewTime: time }
}

/**
 * False when the holder has renewed between the two. The fields are compared, not the version: an edit of a Lease's labels must not
 * keep a dead holder alive.
 */
export function sameRecord (a: LeaderElectionRecord, b: LeaderElectionRecord): boolean {
  return a.holderIdentity === b.holderIdentity && a.renewTime === b.renewTime && a.acquireTime === b.acquireTime &&
    a.leaseDurationSeconds === b.leaseDurationSeconds && a.leaseTransitions === b.leaseTransitions
}

/** The fields as a store holds them. Any field may be missing or edited by hand. */
export type RecordFields = { readonly [Field in keyof LeaderElectionRecord]?: unknown }

export interface ParsedRecord {
  record: LeaderElectionRecord
  /** For each wrong field: what was expected, and what was found. */
  problems: string[]
}

/**
 * Reads any record: a malformed one must stop no candidate. An unusable duration or count becomes 0. The lease then expires after the
 * reader's own duration.
 */
export function parseRecord (fields: RecordFields): ParsedRecord {
  const problems: string[] = []
  const holderIdentity = text(fields.holderIdentity)
  const count = (field: 'leaseDurationSeconds' | 'leaseTransitions', min: number, max: number): number => {
    const value = fields[field]
    if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value)
    // An empty lease that an installer has made has no fields at all.
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
