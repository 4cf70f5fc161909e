import { V1MicroTime, type V1Lease, type V1LeaseSpec } from '@kubernetes/client-node'
import { parseRecord, type LeaderElectionRecord, type ParsedRecord } from '../record.ts'

/** The client's types say that `acquireTime` and `renewTime` are dates. At run time they are the strings of the API server. */
export function recordOf (lease: V1Lease): ParsedRecord {
  const { spec = {} } = lease
  return parseRecord({ ...spec, acquireTime: textOf(spec.acquireTime), renewTime: textOf(spec.renewTime) })
}

/** `lease` with another record. Its labels and all other fields stay. */
export function withRecord (lease: V1Lease, record: LeaderElectionRecord): V1Lease {
  // The API server maintains the managed fields itself. Sent back, they would be the larger part of the request.
  const { managedFields, ...metadata } = lease.metadata ?? {}
  return { ...lease, metadata, spec: { ...lease.spec, ...specOf(record) } }
}

export function specOf (record: LeaderElectionRecord): V1LeaseSpec {
  const { holderIdentity, leaseDurationSeconds, leaseTransitions } = record
  return {
    holderIdentity,
    leaseDurationSeconds,
    leaseTransitions,
    ...microTime('acquireTime', record.acquireTime),
    ...microTime('renewTime', record.renewTime)
  }
}

/** A plain date is sent with three fraction digits, and refused: the API server expects six. */
class MicroTime extends V1MicroTime {
  readonly #text: string

  constructor (text: string) {
    super(text)
    this.#text = text
  }

  /** The client's own method replaces another elector's microseconds by zeros: copying the record would change it. */
  override toISOString (): string {
    return /\.\d{6}Z$/.test(this.#text) ? this.#text : super.toISOString()
  }
}

function microTime (field: 'acquireTime' | 'renewTime', text: string): V1LeaseSpec {
  const time = new MicroTime(text)
  return Number.isNaN(time.getTime()) ? {} : { [field]: time }
}

function textOf (time: unknown): unknown {
  return time instanceof Date ? time.toISOString() : time
}
