import { parseRecord, type LeaderElectionRecord, type RecordFields } from '../record.ts'
import { LeaseStoreError, type LeaseObserver, type LeaseSnapshot, type LeaseStore, type LeaseWatch, type StoreRequest } from '../store.ts'
import { LEASE_CHANNEL } from './lease-channel.ts'
import { listenForLease } from './lease-listener.ts'
import { RECORD, SELECT_LEASE } from './lease-row.ts'
import type { Connection } from './open-client.ts'
import { toStoreError } from './postgres-errors.ts'

/** The part of `pg` that the store needs: a `Pool`, or a `Client`. */
export interface SqlClient {
  query: (statement: { text: string, values: unknown[], query_timeout: number }) => Promise<{ rows: unknown[] }>
}

export interface PostgresLeaseStoreOptions {
  /** A pool survives a lost connection; a single client does not. */
  client: SqlClient
  /** The name of the row. */
  name: string
  /** For one more connection, for LISTEN; not through a transaction pooler. Without it, standbys only poll. */
  listen?: Connection
}

const NOTIFY = `pg_notify('${LEASE_CHANNEL}', json_build_object('name', $1::text)::text)`

/** The record as a row of `leader_lease` (sql/001-leader-lease.sql). */
export class PostgresLeaseStore implements LeaseStore {
  readonly description: string
  readonly #options: PostgresLeaseStoreOptions

  constructor (options: PostgresLeaseStoreOptions) {
    this.#options = options
    this.description = `leader_lease row ${options.name}`
  }

  get (request: StoreRequest): Promise<LeaseSnapshot> {
    const { name } = this.#options
    return this.#one('reading', 'not-found', request, SELECT_LEASE, [name])
  }

  create (record: LeaderElectionRecord, request: StoreRequest): Promise<LeaseSnapshot> {
    return this.#one('creating', 'conflict', request,
      `WITH written AS (
         INSERT INTO leader_lease (name, holder_identity, lease_duration_seconds, acquire_time, renew_time, lease_transitions)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING
         RETURNING ${RECORD} AS record, version
       )
       SELECT record::text, version::text, ${NOTIFY} FROM written`,
      [this.#options.name, ...valuesOf(record)])
  }

  update (record: LeaderElectionRecord, version: unknown, request: StoreRequest): Promise<LeaseSnapshot> {
    // Only a change of holder notifies. A renewal does not: a commit after NOTIFY takes a lock of the whole server.
    return this.#one('updating', 'conflict', request,
      `WITH former AS (SELECT holder_identity FROM leader_lease WHERE name = $1),
       written AS (
         UPDATE leader_lease
         SET holder_identity = $2, lease_duration_seconds = $3, acquire_time = $4, renew_time = $5, lease_transitions = $6,
             version = gen_random_uuid()
         WHERE name = $1 AND version = $7
         RETURNING ${RECORD} AS record, version, holder_identity
       )
       SELECT record::text, version::text, CASE WHEN written.holder_identity <> former.holder_identity THEN ${NOTIFY} END
       FROM written, former`,
      [this.#options.name, ...valuesOf(record), version])
  }

  watch (observer: LeaseObserver): LeaseWatch {
    const { listen, name } = this.#options
    const stop = new AbortController()
    const listening = listen === undefined ? undefined : listenForLease(listen, name, observer, stop.signal)
    return {
      async close () {
        stop.abort()
        await listening
      }
    }
  }

  /** @throws LeaseStoreError `absent` when there was no row to return */
  async #one (
    doing: string, absent: 'not-found' | 'conflict', { timeoutMs }: StoreRequest, text: string, values: unknown[]
  ): Promise<LeaseSnapshot> {
    const what = `${doing} ${this.description}`
    try {
      const { rows } = await this.#options.client.query({ text, values, query_timeout: timeoutMs })
      const [row] = rows as Array<{ record: string, version: string }>
      if (row === undefined) throw new LeaseStoreError(absent, `${what}: ${absent === 'conflict' ? 'another candidate wrote it first' : 'there is no such row'}`)
      return { ...parseRecord(JSON.parse(row.record) as RecordFields), version: row.version }
    } catch (error) {
      throw toStoreError(error, what)
    }
  }
}

function valuesOf ({ holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions }: LeaderElectionRecord): unknown[] {
  return [holderIdentity, leaseDurationSeconds, acquireTime || null, renewTime || null, leaseTransitions]
}
