import { V1MicroTime, type V1Lease, type V1LeaseSpec } from '@kubernetes/client-node'
import { parseRecord, type LeaderElectionRecord, type ParsedRecord } from '../record.ts'

/** The client types `acquireTime` and `renewTime` as dates, but gives them as the strings that the API server sent. */
export function recordOf (lease: V1Lease): ParsedRecord {
  const { spec = {} } = lease
  return parseRecord({ ...spec, acquireTime: textOf(spec.acquireTime), renewTime: textOf(spec.renewTime) })
}

/** `lease` with another record; its labels and whatever else somebody put there stay. */
export function withRecord (lease: V1Lease, record: LeaderElectionRecord): V1Lease {
  // The API server keeps the managed fields by itself; sent back they are the larger part of the request.
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

/** A plain date is sent with three digits of a second, and refused: the API server wants six. */
class MicroTime extends V1MicroTime {
  readonly #text: string

  constructor (text: string) {
    super(text)
    this.#text = text
  }

  /** The client's own puts zeros in the place of another elector's microseconds: the record would change as it is copied. */
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
