import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { PostgresLeaseStore } from '@orders/leader-election/postgres'
import { dropDatabase, testPostgres, type TestContext } from '@orders/testing/framework'
import pg from 'pg'
import type { LeaseUnderTest } from '../conformance/platform.ts'

/** The application name of the connections that LISTEN. */
export const LISTENER = 'listener'

const TABLE = new URL('../../sql/001-leader-lease.sql', import.meta.url)

/** A database of this test's own with the table of the leases, dropped afterwards. */
export class LeaseTable {
  readonly url: string
  /** As superuser. */
  readonly pool: pg.Pool

  private constructor (url: string) {
    this.url = url
    this.pool = new pg.Pool({ connectionString: url, max: 10 })
    // A server that a test stops ends the idle connections as well.
    this.pool.on('error', () => {})
  }

  static async create (t: TestContext, server?: { url: string }): Promise<LeaseTable> {
    const { url } = server ?? await testPostgres(t)
    const name = `leases_${randomBytes(5).toString('hex')}`
    await onServer(url, `CREATE DATABASE ${name}`)
    const own = new URL(url)
    own.pathname = `/${name}`
    const table = new LeaseTable(own.href)
    t.teardown(async () => {
      await table.pool.end()
      await dropDatabase(url, name)
    })
    await table.pool.query(await readFile(TABLE, 'utf8'))
    return table
  }

  store (name: string): PostgresLeaseStore {
    return new PostgresLeaseStore({ client: this.pool, name, listen: { connectionString: this.url, application_name: LISTENER } })
  }

  lease (): LeaseUnderTest {
    const { pool } = this
    const name = randomBytes(5).toString('hex')
    return {
      store: () => this.store(name),
      async edit ({ holderIdentity, leaseDurationSeconds, leaseTransitions }) {
        await pool.query(
          `UPDATE leader_lease
           SET holder_identity = coalesce($2, holder_identity), lease_duration_seconds = coalesce($3, lease_duration_seconds),
               lease_transitions = coalesce($4, lease_transitions), version = gen_random_uuid()
           WHERE name = $1`, [name, holderIdentity, leaseDurationSeconds, leaseTransitions])
      },
      async touch () {
        await pool.query('UPDATE leader_lease SET version = gen_random_uuid() WHERE name = $1', [name])
      },
      async delete () {
        await pool.query('DELETE FROM leader_lease WHERE name = $1', [name])
      }
    }
  }
}

async function onServer (url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
