import { LeaseStoreError, parseRecord, type LeaderElectionRecord, type LeaseObserver, type LeaseSnapshot, type LeaseStore, type LeaseWatch, type RecordFields } from '@orders/leader-election'

/** The record of all candidates, with the compare-and-set of a Kubernetes Lease. */
export class MemoryLease {
  fields: RecordFields | undefined
  version = 0

  constructor (fields?: RecordFields) {
    if (fields !== undefined) this.edit(fields)
  }

  /** A write past the compare-and-set. */
  edit (fields: RecordFields): void {
    this.fields = { ...this.fields, ...fields }
    this.version++
  }

  delete (): void {
    this.fields = undefined
  }

  get record (): LeaderElectionRecord | undefined {
    return this.fields === undefined ? undefined : parseRecord(this.fields).record
  }

  read (): LeaseSnapshot {
    if (this.fields === undefined) throw new LeaseStoreError('not-found', 'there is no record')
    return { ...parseRecord(this.fields), version: this.version }
  }

  create (record: LeaderElectionRecord): LeaseSnapshot {
    if (this.fields !== undefined) throw new LeaseStoreError('conflict', 'there is a record already')
    this.edit(record)
    return this.read()
  }

  /** As in Kubernetes, an empty version replaces any record. */
  update (record: LeaderElectionRecord, version: unknown): LeaseSnapshot {
    if (this.fields === undefined) throw new LeaseStoreError('not-found', 'there is no record')
    if (version !== '' && version !== this.version) throw new LeaseStoreError('conflict', `expected version ${String(version)}, found ${this.version}`)
    this.edit(record)
    return this.read()
  }
}

type Operation = 'get' | 'create' | 'update'
type Reply = 'answer' | 'hang' | 'lose-reply' | LeaseStoreError

/** A candidate's own store for a {@link MemoryLease}: it answers at once, or as the script says. */
export class MemoryLeaseStore implements LeaseStore {
  readonly description = 'lease in memory'
  /** The requests that arrived, in order. */
  readonly requests: Operation[] = []
  /** One answer for each of the next requests; then `otherwise`. */
  readonly script: Reply[] = []
  otherwise: Reply = 'answer'
  observer: LeaseObserver | undefined
  readonly #lease: MemoryLease
  /** Called before each request is answered. */
  onRequest: (operation: Operation) => void = () => {}

  constructor (lease: MemoryLease) {
    this.#lease = lease
  }

  get (): Promise<LeaseSnapshot> {
    return this.#reply('get', () => this.#lease.read())
  }

  create (record: LeaderElectionRecord): Promise<LeaseSnapshot> {
    return this.#reply('create', () => this.#lease.create(record))
  }

  update (record: LeaderElectionRecord, version: unknown): Promise<LeaseSnapshot> {
    return this.#reply('update', () => this.#lease.update(record, version))
  }

  watch (observer: LeaseObserver): LeaseWatch {
    this.observer = observer
    return {
      close: async () => { this.observer = undefined }
    }
  }

  async #reply (operation: Operation, apply: () => LeaseSnapshot): Promise<LeaseSnapshot> {
    this.requests.push(operation)
    this.onRequest(operation)
    const reply = this.script.shift() ?? this.otherwise
    if (reply instanceof LeaseStoreError) throw reply
    if (reply === 'hang') return new Promise(() => {})
    const snapshot = apply()
    return reply === 'lose-reply' ? new Promise(() => {}) : snapshot
  }
}
