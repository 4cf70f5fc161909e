// Errors of Postgres without a grant or a table say what to do, and the grants in the README are enough.
import { randomBytes } from 'node:crypto'
import { PostgresLeaseStore } from '@orders/leader-election/postgres'
import { until } from '@orders/testing/framework'
import pg from 'pg'
import t, { type Test } from 'tap'
import { PATIENT_TIMINGS, RunningElector } from '../conformance/running-elector.ts'
import { LeaseTable } from './lease-table.ts'

const table = await LeaseTable.create(t)
const asking = () => ({ signal: AbortSignal.timeout(10_000), timeoutMs: 10_000 })

/** A role with these rights and no others. */
async function roleWith (t: Test, rights: string): Promise<{ url: string, pool: pg.Pool }> {
  const name = `candidate_${randomBytes(5).toString('hex')}`
  await table.pool.query(`CREATE ROLE ${name} LOGIN PASSWORD 'test'`)
  t.teardown(async () => {
    await table.pool.query(`DROP OWNED BY ${name}`)
    await table.pool.query(`DROP ROLE ${name}`)
  })
  if (rights !== '') await table.pool.query(`GRANT ${rights} ON leader_lease TO ${name}`)
  const url = new URL(table.url)
  url.username = name
  url.password = 'test'
  const pool = new pg.Pool({ connectionString: url.href })
  t.teardown(() => pool.end())
  return { url: url.href, pool }
}

t.test('a candidate needs only SELECT, INSERT and UPDATE', async (t) => {
  const { url, pool } = await roleWith(t, 'SELECT, INSERT, UPDATE')
  const store = () => new PostgresLeaseStore({ client: pool, name: 'least', listen: { connectionString: url } })
  const first = new RunningElector(t, store(), PATIENT_TIMINGS)
  await first.untilLeading()
  const second = new RunningElector(t, store(), PATIENT_TIMINGS)
  await second.untilStandby(first.identity)
  await first.stop()
  await second.untilLeading()
})

t.test('without INSERT, the installer makes the row, which may be empty', async (t) => {
  const { pool } = await roleWith(t, 'SELECT, UPDATE')
  const candidate = new RunningElector(t, new PostgresLeaseStore({ client: pool, name: 'prepared' }))
  await candidate.untilSome('attempt-failed')
  t.match(candidate.all('attempt-failed')[0]?.error, {
    reason: 'forbidden', message: /creating leader_lease row prepared: permission denied.*SELECT and UPDATE on leader_lease, and INSERT unless the installer makes the row/
  })
  await table.pool.query("INSERT INTO leader_lease (name, holder_identity, lease_duration_seconds, lease_transitions) VALUES ('prepared', '', 1, 0)")
  await candidate.untilLeading()
})

t.test('a leader whose grant was revoked reports it, and stops at its deadline', async (t) => {
  const { pool } = await roleWith(t, 'SELECT, INSERT, UPDATE')
  const leader = new RunningElector(t, new PostgresLeaseStore({ client: pool, name: 'revoked' }))
  await leader.untilLeading()
  await table.pool.query(`REVOKE UPDATE ON leader_lease FROM ${new URL(String(pool.options.connectionString)).username}`)
  await leader.untilNext('work-ended')
  t.match(leader.all('term-ended'), [{ reason: 'not-renewed' }])
  t.match(leader.all('attempt-failed')[0]?.error, { reason: 'forbidden' })
})

t.test('a refused password', async (t) => {
  const url = new URL(table.url)
  url.password = 'wrong'
  const pool = new pg.Pool({ connectionString: url.href })
  t.teardown(() => pool.end())
  await t.rejects(new PostgresLeaseStore({ client: pool, name: 'any' }).get(asking()), { code: 'LEASE_STORE', reason: 'forbidden' })
})

t.test('a missing table', async (t) => {
  const url = new URL(table.url)
  url.pathname = '/postgres'
  const pool = new pg.Pool({ connectionString: url.href })
  t.teardown(() => pool.end())
  await t.rejects(new PostgresLeaseStore({ client: pool, name: 'any' }).get(asking()), {
    code: 'LEASE_STORE', reason: 'refused', message: /is the table of sql\/001-leader-lease.sql there, and on the search_path\?/
  })
})

t.test('a lost race in a database with serializable transactions is a conflict', async (t) => {
  const pool = new pg.Pool({ connectionString: table.url, options: '-c default_transaction_isolation=serializable' })
  t.teardown(() => pool.end())
  const store = new PostgresLeaseStore({ client: pool, name: 'serializable' })
  const record = { holderIdentity: 'one', leaseDurationSeconds: 15, acquireTime: '', renewTime: '', leaseTransitions: 0 }
  const { version } = await store.create(record, asking())
  const other = await table.pool.connect()
  try {
    await other.query('BEGIN')
    await other.query("UPDATE leader_lease SET version = gen_random_uuid() WHERE name = 'serializable'")
    const late = store.update(record, version, asking())
    late.catch(() => {})
    await until(async () => (await table.pool.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%leader_lease%' AND datname = current_database()")).rowCount === 1, { what: 'the second writer to wait' })
    await other.query('COMMIT')
    await t.rejects(late, { code: 'LEASE_STORE', reason: 'conflict', message: /could not serialize/ })
  } finally {
    other.release(true)
  }
})
