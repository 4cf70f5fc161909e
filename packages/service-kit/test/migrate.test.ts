import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { testPostgres } from '@orders/local-stack/harness'
import pg from 'pg'
import t, { type Test } from 'tap'

const FIXTURE = fileURLToPath(new URL('./fixtures/migrate.ts', import.meta.url))
const run = promisify(execFile)

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
  return {
    name,
    database,
    passwordFile: `${folder}/password`,
    query,
    migrate: (env: Record<string, string> = {}) =>
      run(process.execPath, ['--conditions=@orders/source', FIXTURE, `${folder}/migrations`, name], { env: { PATH: process.env.PATH, DATABASE_URL: database.href, ...env } })
  }
}

t.test('three jobs at once apply each migration once; another one finds nothing to do', async (t) => {
  const { database, query, migrate } = await build(t)
  await Promise.all([migrate(), migrate(), migrate()])
  t.match((await migrate()).stdout, /"applied":\[\]/)
  t.same(await query(database, 'SELECT n FROM things'), [{ n: 1 }])
})

t.test('the role gets its password, from a file too, and never shows it', async (t) => {
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

t.test('settings that cannot be used are printed, without a stack trace', async (t) => {
  const { migrate } = await build(t)
  const { code, stderr } = await migrate({ DATABASE_URL: 'mysql://h/d', MIGRATE_NOBODY_PASSWORD: 'x' }).catch((error: unknown) => error) as { code: number, stderr: string }
  t.equal(code, 1)
  t.match(stderr, /^fixture-migrate: the settings cannot be used:\n/)
  t.match(stderr, /MIGRATE_NOBODY_PASSWORD: there is no such setting/)
  t.match(stderr, /DATABASE_URL: must match/)
  t.notMatch(stderr, / at /)
})
