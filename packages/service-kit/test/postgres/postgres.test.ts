import { TcpProxy, testPostgres, until } from '@orders/testing/framework'
import { createLogger, createPool, isUnavailable, TransactionAbortedError, withTransaction } from '@orders/service-kit'
import type pg from 'pg'
import t, { type Test } from 'tap'

async function pool (t: Test, max = 2): Promise<pg.Pool> {
  const { url } = await testPostgres(t)
  const pool = createPool({ url, applicationName: `test-${process.pid}-${max}`, max, logger: createLogger({ name: 'test', level: 'silent' }) })
  t.teardown(() => pool.end())
  return pool
}

t.test('a transaction is committed, or rolled back with a usable connection', async (t) => {
  const db = await pool(t, 1)
  t.equal(await withTransaction(db, async () => 'result'), 'result')
  await db.query('CREATE TEMP TABLE numbers (n int)')
  await t.rejects(withTransaction(db, async (client) => {
    await client.query('INSERT INTO numbers VALUES (1)')
    throw new Error('changed my mind')
  }), /changed my mind/)
  const { rows } = await db.query('SELECT count(*)::int AS n, pg_current_xact_id_if_assigned() AS xid FROM numbers')
  t.same(rows, [{ n: 0, xid: null }], 'the next user inherits no transaction')
})

t.test('a transaction with a swallowed error does not count as committed', async (t) => {
  const db = await pool(t, 1)
  await t.rejects(withTransaction(db, async (client) => {
    await client.query('SELECT 1/0').catch(() => {})
  }), TransactionAbortedError)
  t.same((await db.query('SELECT 1 AS one')).rows, [{ one: 1 }])
})

t.test('without packets a query fails in time, and its connection is replaced', async (t) => {
  const { url } = await testPostgres(t)
  const proxied = new URL(url)
  const proxy = await TcpProxy.start(proxied.host)
  t.teardown(() => proxy.close())
  proxied.host = proxy.address
  const db = createPool({ url: proxied.href, applicationName: 'test', max: 1, logger: createLogger({ name: 'test', level: 'silent' }) })
  t.teardown(() => db.end())
  await db.query('SELECT')
  proxy.hang()
  const error: unknown = await db.query('SELECT').catch((error: unknown) => error)
  t.ok(isUnavailable(error), String(error))
  proxy.heal()
  t.same((await db.query('SELECT 1 AS one')).rows, [{ one: 1 }])
})

t.test('a killed connection, in use or idle, neither ends the process nor stays in the pool', async (t) => {
  const db = await pool(t)
  const kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()"
  const held = await db.connect()
  await db.query(kill)
  await t.rejects(held.query('SELECT'), /terminat|not queryable/)
  held.release(true)
  const error: unknown = await withTransaction(db, async (client) => {
    const { rows: [row] } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    await db.query('SELECT pg_terminate_backend($1)', [row?.pid])
    await client.query('SELECT')
  }).catch((error: unknown) => error)
  t.ok(isUnavailable(error), 'and it counts as an outage')
  t.same((await db.query('SELECT 1 AS one')).rows, [{ one: 1 }])
})

t.test('an exhausted pool is an outage after the connection timeout, not a hang', async (t) => {
  const db = await pool(t, 1)
  const held = await db.connect()
  const error: unknown = await db.query('SELECT').catch((error: unknown) => error)
  t.ok(isUnavailable(error), String(error))
  held.release()
})

t.test('an unreachable server is an outage, a wrong statement is not', async (t) => {
  const db = await pool(t)
  const logger = createLogger({ name: 'test', level: 'silent' })
  const nowhere = createPool({ url: 'postgres://x@127.0.0.1:1/x', applicationName: 'test', max: 1, logger })
  t.ok(isUnavailable(await nowhere.query('SELECT').catch((error: unknown) => error)))
  await nowhere.end()
  const { url } = await testPostgres(t)
  const wrongPassword = Object.assign(new URL(url), { password: 'wrong' }).href
  for (const url of [wrongPassword, Object.assign(new URL(wrongPassword), { pathname: '/no_such_database' }).href]) {
    const other = createPool({ url, applicationName: 'test', max: 1, logger })
    t.ok(isUnavailable(await other.query('SELECT').catch((error: unknown) => error)), 'neither is this one the statement\'s fault')
    await other.end()
  }
  const readOnly: unknown = await withTransaction(db, async (client) => {
    await client.query('SET TRANSACTION READ ONLY')
    await client.query('CREATE TABLE never (n int)')
  }).catch((error: unknown) => error)
  t.ok(isUnavailable(readOnly), 'a standby, during a failover')
  t.notOk(isUnavailable(await db.query('SELECT nonsense').catch((error: unknown) => error)))
  t.notOk(isUnavailable(await db.query('SELECT 1/0').catch((error: unknown) => error)))
  t.notOk(isUnavailable(new Error('anything')))
  t.notOk(isUnavailable('no error at all'))
})

t.test('of two transactions in a deadlock one is rolled back, and retried once', async (t) => {
  const db = await pool(t)
  await db.query('CREATE TABLE IF NOT EXISTS service_kit_deadlock (id int PRIMARY KEY); INSERT INTO service_kit_deadlock VALUES (1), (2) ON CONFLICT DO NOTHING')
  t.teardown(() => db.query('DROP TABLE IF EXISTS service_kit_deadlock'))
  const locked = [false, false]
  const attempts = [0, 0]
  const lockBoth = (first: number, second: number, mine: 0 | 1) => withTransaction(db, async (client) => {
    attempts[mine] = (attempts[mine] ?? 0) + 1
    await client.query('SELECT FROM service_kit_deadlock WHERE id = $1 FOR UPDATE', [first])
    locked[mine] = true
    await until(() => locked[1 - mine], { what: 'the other transaction to hold its row' })
    await client.query('SELECT FROM service_kit_deadlock WHERE id = $1 FOR UPDATE', [second])
  })
  await Promise.all([lockBoth(1, 2, 0), lockBoth(2, 1, 1)])
  t.same(attempts.toSorted(), [1, 2])
  t.ok(isUnavailable(Object.assign(new Error('deadlock detected'), { code: '40P01' })), 'lost twice, it is worth another try later')
})
