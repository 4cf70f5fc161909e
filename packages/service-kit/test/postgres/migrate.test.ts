import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TcpProxy, testPostgres } from '@orders/testing/framework'
import pg from 'pg'
import t, { type Test } from 'tap'

const MIGRATE = fileURLToPath(new URL('./fixtures/migrate.ts', import.meta.url))
const AWAIT_SCHEMA = fileURLToPath(new URL('./fixtures/await-schema.ts', import.meta.url))
const run = promisify(execFile)

interface Failure {
  code: number
  stdout: string
  stderr: string
}

/** The last log line of a failed job. There must be nothing on standard error. */
function failureOf ({ code, stdout, stderr }: Failure): unknown {
  const last: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  return code === 1 && stderr === '' ? last : { code, stderr }
}

async function build (t: Test) {
  const { url } = await testPostgres(t)
  const name = `migrate_${randomBytes(4).toString('hex')}`
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  t.teardown(async () => {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.query(`DROP ROLE IF EXISTS ${name}`)
    await admin.end()
  })
  const database = Object.assign(new URL(url), { pathname: `/${name}` })
  const folder = t.testdir({
    password: 'second\n',
    migrations: {
      '001_role.sql': `DO $$ BEGIN CREATE ROLE ${name} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;`,
      '002_things.sql': 'CREATE TABLE things (n int); INSERT INTO things VALUES (1);'
    }
  })
  const query = async (connection: URL, sql: string) => {
    const client = new pg.Client({ connectionString: connection.href })
    await client.connect()
    return client.query<Record<string, unknown>>(sql).then(({ rows }) => rows).finally(() => client.end())
  }
  const start = (program: string, env: Record<string, string>) =>
    run(process.execPath, ['--conditions=@orders/source', program, `${folder}/migrations`, name], { env: { PATH: process.env.PATH, DATABASE_URL: database.href, ...env } })
  return {
    name,
    database,
    folder,
    passwordFile: `${folder}/password`,
    query,
    migrate: (env: Record<string, string> = {}) => start(MIGRATE, env),
    awaitSchema: (env: Record<string, string>) => start(AWAIT_SCHEMA, env)
  }
}

t.test('three concurrent jobs apply each migration once; a later one has nothing to do', async (t) => {
  const { database, query, migrate } = await build(t)
  await Promise.all([migrate(), migrate(), migrate()])
  t.match((await migrate()).stdout, /"applied":\[\]/)
  t.same(await query(database, 'SELECT n FROM things'), [{ n: 1 }])
})

t.test('the role gets its password, also from a file, and the password is never logged', async (t) => {
  const { name, database, passwordFile, query, migrate } = await build(t)
  const asRole = (password: string) => Object.assign(new URL(database), { username: name, password })
  const variable = `MIGRATE_${name.toUpperCase()}_PASSWORD`
  const first = await migrate({ [variable]: "it's \\ first", LOG_LEVEL: 'trace' })
  t.same(await query(asRole(encodeURIComponent("it's \\ first")), 'SELECT current_user AS me'), [{ me: name }])
  t.notMatch(first.stdout + first.stderr, /first/)
  await migrate({ [`${variable}_FILE`]: passwordFile })
  t.same(await query(asRole('second'), 'SELECT current_user AS me'), [{ me: name }])
  await migrate()
  t.same(await query(asRole('second'), 'SELECT current_user AS me'), [{ me: name }], 'left alone if none is given')
})

t.test('invalid settings are printed, without a stack trace', async (t) => {
  const { migrate } = await build(t)
  const { code, stderr } = await migrate({ DATABASE_URL: 'mysql://h/d', MIGRATE_NOBODY_PASSWORD: 'x' }).catch((error: unknown) => error) as { code: number, stderr: string }
  t.equal(code, 1)
  t.match(stderr, /^fixture-migrate: the settings are invalid:\n/)
  t.match(stderr, /MIGRATE_NOBODY_PASSWORD: there is no such setting/)
  t.match(stderr, /DATABASE_URL: must match/)
  t.notMatch(stderr, / at /)
})

t.test('a job that starts before Postgres waits for it until its deadline', async (t) => {
  const { database, query, migrate } = await build(t)
  const proxy = await TcpProxy.start(database.host)
  t.teardown(() => proxy.close())
  proxy.cut()
  const DATABASE_URL = Object.assign(new URL(database), { host: proxy.address }).href
  const hasty = await migrate({ DATABASE_URL }).catch((error: unknown) => error) as Failure
  t.match(failureOf(hasty), { setting: 'DATABASE_URL', err: { message: /Connection terminated|ECONN/ } })
  const patient = migrate({ DATABASE_URL, MIGRATE_CONNECT_DEADLINE_MS: '60000' })
  await once(patient.child.stdout ?? patient.child, 'data')
  proxy.heal()
  t.match((await patient).stdout, /does not accept connections yet.*"applied":\["001_role","002_things"\]/s)
  t.same(await query(database, 'SELECT n FROM things'), [{ n: 1 }])
})

t.test('a service waits for every migration, with the rights of its own role', async (t) => {
  const { name, database, folder, migrate, awaitSchema } = await build(t)
  const ownUrl = Object.assign(new URL(database), { username: name, password: 'own' }).href
  const deadline = { DATABASE_URL: ownUrl, AWAIT_SCHEMA_DEADLINE_MS: '0' }
  const noRole = await awaitSchema(deadline).catch((error: unknown) => error) as Failure
  t.match(failureOf(noRole), { setting: 'DATABASE_URL' }, 'no role yet')

  const waiting = awaitSchema({ DATABASE_URL: ownUrl })
  await migrate({ [`MIGRATE_${name.toUpperCase()}_PASSWORD`]: 'own' })
  await waiting
  await awaitSchema(deadline)

  await writeFile(`${folder}/migrations/003_more.sql`, 'CREATE TABLE more (n int)')
  const oldSchema = await awaitSchema(deadline).catch((error: unknown) => error) as Failure
  t.match(failureOf(oldSchema), { setting: 'AWAIT_SCHEMA_DEADLINE_MS', msg: /found these missing: 003_more/ })
  await migrate()
  await awaitSchema(deadline)
})

t.test('a role of another installation is refused before anything is changed; other comments are kept', async (t) => {
  const first = await build(t)
  const password = (value: string, owner: string) => ({ [`MIGRATE_${first.name.toUpperCase()}_PASSWORD`]: value, MIGRATE_ROLE_OWNER: owner })
  await first.migrate()
  await first.query(first.database, `COMMENT ON ROLE ${first.name} IS 'asked for by ops'`)
  await first.migrate(password('one', 'a/orders'))
  await first.migrate(password('two', 'a/orders'))
  const comment = async () => (await first.query(first.database, `SELECT shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = '${first.name}'`))[0]?.comment
  t.equal(await comment(), 'asked for by ops\npassword set by a/orders')

  const refused = await first.migrate(password('three', 'b/orders')).catch((error: unknown) => error) as Failure
  t.match(failureOf(refused), { setting: 'MIGRATE_ROLE_OWNER', msg: /expected the role \S+ to be used by b\/orders alone, found that a\/orders sets its password/ })
  const login = Object.assign(new URL(first.database), { username: first.name, password: 'two' })
  t.same(await first.query(login, 'SELECT 1 AS one'), [{ one: 1 }], 'the password is still the one of a/orders')

  await first.query(first.database, `COMMENT ON ROLE ${first.name} IS NULL`)
  await first.migrate(password('four', 'b/orders'))
  t.equal(await comment(), 'password set by b/orders', 'as the error says')
})

t.test('a migration that waits for a lock logs it, and fails with the session that holds it', async (t) => {
  const { database, query, migrate, folder } = await build(t)
  await migrate()
  await writeFile(`${folder}/migrations/003_wider.sql`, 'ALTER TABLE things ADD COLUMN more int')
  const holder = new pg.Client({ connectionString: database.href, application_name: 'a long report' })
  await holder.connect()
  t.teardown(() => holder.end())
  const cases = [
    { hold: 'BEGIN; SELECT FROM things', release: 'ROLLBACK', what: 'a table' },
    { hold: 'SELECT pg_advisory_lock(7041776)', release: 'SELECT pg_advisory_unlock_all()', what: 'the lock of the migrations' }
  ]
  for (const { hold, what, release } of cases) {
    await holder.query(hold)
    const failed = await migrate({ MIGRATE_LOCK_DEADLINE_MS: '1500' }).catch((error: unknown) => error) as Failure
    t.match(failed.stdout, /"event":"migration_waits"/, what)
    t.match(failureOf(failed), {
      setting: 'MIGRATE_LOCK_DEADLINE_MS', msg: new RegExp(`expected ${what} to be free .* held by process \\d+ of the role postgres \\(a long report`)
    })
    await holder.query(release)
  }
  t.same(await query(database, 'SELECT * FROM things'), [{ n: 1 }], 'nothing was changed')

  await holder.query('BEGIN; SELECT FROM things')
  const patient = migrate()
  await once(patient.child.stdout ?? patient.child, 'data')
  await holder.query('ROLLBACK')
  await patient
  t.same(await query(database, 'SELECT * FROM things'), [{ n: 1, more: null }], 'a migration goes on when the lock is released before its deadline')
})

t.test('a wrong migration is one log line, and a database with public rights is named', async (t) => {
  const { database, query, migrate, folder } = await build(t)
  t.match((await migrate()).stdout, /"rights":\["CONNECT","TEMPORARY"\].*"event":"public_rights"/)
  await query(database, `REVOKE ALL ON DATABASE ${database.pathname.slice(1)} FROM PUBLIC`)
  t.notMatch((await migrate()).stdout, /public_rights/)
  await writeFile(`${folder}/migrations/003_wrong.sql`, 'SELECT nonsense')
  const failed = await migrate().catch((error: unknown) => error) as Failure
  t.match(failureOf(failed), { level: 'fatal', event: 'job_failed', msg: /nonsense/, err: { code: '42703' } })
})
