import { testPostgres } from '@orders/testing/framework'
import { createLogger, createPool, withTransaction } from '@orders/service-kit'
import type pg from 'pg'
import t, { type Test } from 'tap'

const CONNECTIONS = 4
let tables = 0

/** A table for one test, and a pool whose connections have all prepared statements on it. */
async function prepared (t: Test): Promise<{ db: pg.Pool, table: string, admin: pg.Pool, read: (client: pg.Pool | pg.PoolClient) => Promise<unknown[]>, write: (client: pg.Pool | pg.PoolClient) => Promise<unknown> }> {
  const { url } = await testPostgres(t)
  const logger = createLogger({ name: 'test', level: 'silent' })
  const table = `service_kit_stale_${process.pid}_${++tables}`
  const admin = createPool({ url, applicationName: 'admin', max: 1, logger })
  const db = createPool({ url, applicationName: table, max: CONNECTIONS, logger })
  await admin.query(`CREATE TABLE ${table} (n int, word text); INSERT INTO ${table} VALUES (1, 'one')`)
  t.teardown(async () => {
    await db.end()
    await admin.query(`DROP TABLE ${table}`)
    await admin.end()
  })
  const read = async (client: pg.Pool | pg.PoolClient) => {
    const { rows } = await client.query<Record<string, unknown>>({ name: 'read', text: `SELECT n, word FROM ${table} WHERE word = $1`, values: ['one'] })
    return rows
  }
  const write = (client: pg.Pool | pg.PoolClient) => client.query({ name: 'write', text: `UPDATE ${table} SET word = $1 WHERE word = $1`, values: ['one'] })
  await onAll(db, async (client) => { await read(client); await write(client) })
  return { db, table, admin, read, write }
}

/** On every connection of the pool. */
async function onAll (db: pg.Pool, work: (client: pg.PoolClient) => Promise<unknown>): Promise<void> {
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => db.connect()))
  await Promise.all(clients.map((client) => work(client)))
  for (const client of clients) client.release()
}

t.test('after a column changed its type, no statement and no transaction fails', async (t) => {
  const { db, table, admin, read, write } = await prepared(t)
  for (const change of ['ALTER COLUMN n TYPE bigint', 'ADD COLUMN later int', 'ALTER COLUMN n TYPE numeric', 'ALTER COLUMN word TYPE varchar(9)']) {
    await admin.query(`ALTER TABLE ${table} ${change}`)
    const all = await Promise.all(Array.from({ length: 2 * CONNECTIONS }, (_, index) => index % 2 === 0
      ? read(db)
      : withTransaction(db, async (client) => {
        await write(client)
        return read(client)
      })))
    t.match(all, Array.from({ length: 2 * CONNECTIONS }, () => [{ word: 'one' }]), change)
  }
})

t.test('a column becomes an enum: the parameter no longer has the prepared type', async (t) => {
  const { db, table, admin, read, write } = await prepared(t)
  await admin.query(`CREATE TYPE ${table}_words AS ENUM ('one', 'two')`)
  await admin.query(`ALTER TABLE ${table} ALTER COLUMN word TYPE ${table}_words USING word::${table}_words`)
  t.teardown(() => admin.query(`DROP TYPE IF EXISTS ${table}_words CASCADE`))
  for (let repetition = 0; repetition < CONNECTIONS; repetition++) {
    await withTransaction(db, write)
    t.match(await read(db), [{ word: 'one' }])
  }
})

t.test('a prepared statement is gone, or another one has its name', async (t) => {
  const { db, read, write } = await prepared(t)
  await onAll(db, (client) => client.query('DEALLOCATE ALL'))
  t.match(await Promise.all([read(db), withTransaction(db, read), read(db), withTransaction(db, read)]), Array.from({ length: 4 }, () => [{ word: 'one' }]))
  await onAll(db, (client) => client.query('DEALLOCATE ALL; PREPARE fresh AS SELECT 1'))
  const fresh = (client: pg.Pool | pg.PoolClient) => client.query({ name: 'fresh', text: 'SELECT 2 AS two' })
  t.match((await fresh(db)).rows, [{ two: 2 }])
  t.match((await withTransaction(db, fresh)).rows, [{ two: 2 }])
  await withTransaction(db, write)
})

t.test('a stale statement is retried once, a wrong one not at all', async (t) => {
  const { db } = await prepared(t)
  let attempts = 0
  await t.rejects(withTransaction(db, async (client) => {
    attempts++
    await client.query({ name: 'wrong', text: 'SELECT length(now())' })
  }), { code: '42883' })
  t.equal(attempts, 2)
  attempts = 0
  await t.rejects(withTransaction(db, async (client) => {
    attempts++
    await client.query('SELECT 1/0')
  }), { code: '22012' })
  t.equal(attempts, 1)
})

t.test('in a serializable database, changes of one row wait for each other', async (t) => {
  const { db, table, admin } = await prepared(t)
  const { rows: [row] } = await admin.query<{ name: string }>('SELECT current_database() AS name')
  t.ok(row)
  await onAll(db, (client) => client.query("SET default_transaction_isolation = 'serializable'"))
  await Promise.all(Array.from({ length: 4 * CONNECTIONS }, () => withTransaction(db, (client) => client.query(`UPDATE ${table} SET n = n + 1`))))
  t.match((await admin.query(`SELECT n FROM ${table}`)).rows, [{ n: 4 * CONNECTIONS + 1 }])
})
