import { ConfigError, createLogger, createPool, loadConfig, postgresSettings } from '@orders/service-kit'
import { testPostgres } from '@orders/testing/framework'
import { Writable } from 'node:stream'
import pg from 'pg'
import { pino } from 'pino'
import t from 'tap'
import { Type } from 'typebox'
import { errorFields } from '../../src/process/error-fields.ts'
import { parseSessionOptions } from '../../src/config/database-url.ts'

const schema = Type.Object({ DATABASE_URL: postgresSettings.DATABASE_URL })

function problemsOf (url: string): readonly string[] {
  try {
    loadConfig(schema, { prefixes: [], env: { DATABASE_URL: url } })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

t.test('valid URLs', async (t) => {
  for (const url of [
    'postgres://user:password@host/db', 'postgresql://host:5432/db', 'postgres://user@[::1]:5432/db', 'postgres:///db?host=%2Fvar%2Frun%2Fpostgresql',
    'postgres://u:%25%23%2F%3F%3A%40%20%C3%A9@h/d', 'postgres://u:pässword@h/d', 'postgres://u:p@ss@h/d', 'postgres://u:a&b=c+d;e@h/d',
    'postgres://u:p@h/d?sslmode=require', 'postgres://u:p@h/d?sslmode=verify-full&application_name=mine',
    'postgres://u:p@h/d?options=-c%20search_path%3Dorders,public%20--geqo=off&statement_timeout=0&lock_timeout=60000&client_encoding=UTF8',
    'postgres://u:p@h/my-db_1', 'postgres://u:p@h/d?ssl=true', 'postgres://u:p@h/d?sslmode=require&sslnegotiation=direct'
  ]) t.same(problemsOf(url), [], url)
})

t.test('invalid URLs are refused with the problem, and without their content', async (t) => {
  const folder = t.testdir({ 'ca.pem': 'no certificate', key: 'no key' })
  const bad: Array<[string, RegExp]> = [
    ['mysql://u:secret@h/d', /must match pattern/],
    ['jdbc:postgresql://h/d?password=secret', /must match pattern/],
    ['postgresql+psycopg2://u:secret@h/d', /must match pattern/],
    [' postgres://u:secret@h/d', /must match pattern/],
    ['postgres://', /a host|host and port/],
    ['postgres://u:secret@h', /expected a database/],
    ['postgres://u:secret@h/', /expected a database/],
    ['postgres://u:secret@/d', /a host|host and port/],
    ['postgres://u:secret #@h/d', /without spaces/],
    ['postgres://u:secret\t@h/d', /without spaces/],
    ['postgres://u:secret@h/d\nmore', /without spaces/],
    ['postgres://u:secret%@h/d', /begin an escape/],
    ['postgres://u:secret%zz@h/d', /begin an escape/],
    ['postgres://u:secret%ff@h/d', /UTF-8/],
    ['postgres://u:sec#ret@h/d', /no unescaped #/],
    ['postgres://u:123#secret@h/d', /no unescaped #/],
    ['postgres://u:secret/more@h/d', /host and port/],
    ['postgres://u:1/secret@h/d', /more than one \/ or an @/],
    ['postgres://u:1?secret@h/d', /expected a database/],
    ['postgres://u:secret@h:99999/d', /host and port/],
    ['postgres://u:secret@h:0/d', /port from 1/],
    ['postgres://u:secret@h:port/d', /host and port/],
    ['postgres://u:secret@h/d?port=99999', /port from 1/],
    ['postgres://u:secret@a,b:5432/d', /expected one host/],
    ['postgres://u:secret@a%2Cb:5432/d', /expected one host/],
    ['postgres://u:secret@h/d%00', /without NUL/],
    ['postgres://u%00:secret@h/d', /without NUL/],
    ['postgres://u:secret@h/d?sslmode=require&sslmode=disable', /sslmode once/],
    ['postgres://u:secret@h/d?host=a&host=b', /host once/],
    ['postgres://u:secret@h/d?options=-c%20geqo%3Doff&options=-c%20geqo%3Don', /options once/],
    ['postgres://u:secret@h/d?ssl=false', /ssl to be one of true, 1, 0, no-verify/],
    ['postgres://u:secret@h/d?ssl=', /ssl to be one of/],
    ['postgres://u:secret@h/d?sslmode=disable&sslnegotiation=direct', /TLS together with sslnegotiation=direct/],
    ['postgres://u:secret@a:1,b:5432/d?target_session_attrs=read-write', /expected one host/],
    ['postgres://u:secret@h/d?host=a,b', /expected one host/],
    ['postgres://u:secret@h/a/b', /more than one \//],
    ['postgres://u:secret@h/d?sslmode=required', /sslmode to be one of/],
    ['postgres://u:secret@h/d?sslmode=allow', /sslmode to be one of/],
    ['postgres://u:secret@h/d?sslmod=require', /no parameter sslmod, did you mean sslmode\?/],
    ['postgres://u:secret@h/d?target_session_attrs=read-write', /no parameter target_session_attrs, expected one of/],
    ['postgres://u:secret@h/d?statement_timeout=5s', /statement_timeout in milliseconds/],
    ['postgres://u:secret@h/d?sslmode=verify-full&sslrootcert=/nowhere/ca.pem', /sslrootcert to name a file .*ENOENT/],
    [`postgres://u:secret@h/d?sslmode=verify-full&sslrootcert=${folder}/ca.pem`, /sslrootcert to name a file in PEM/],
    [`postgres://u:secret@h/d?sslcert=${folder}/ca.pem&sslkey=${folder}/key`, /sslcert to name a file in PEM/],
    ['postgres://u:secret@h/d?sslkey=/nowhere/key', /sslcert and sslkey together/],
    ['postgres://u:secret@h/d?options=search_path%3Dpublic', /options as -c name=value/],
    ['postgres://u:secret@h/d?client_encoding=LATIN1', /client_encoding UTF8/]
  ]
  for (const [url, expected] of bad) {
    const problems = problemsOf(url)
    t.match(problems[0], expected, url)
    t.ok(problems.every((problem) => problem.startsWith('DATABASE_URL: ')), url)
    t.notMatch(problems.join().replaceAll(folder, ''), /secret/, url)
  }
})

t.test('options have the syntax of Postgres\'s command line', async (t) => {
  t.same([...parseSessionOptions('-c a=1  --b-c=2 -cD=x\\ y') ?? []], [['a', '1'], ['b_c', '2'], ['d', 'x y']])
  for (const text of ['a=1', '-c', '-c a', '-x 1', '--']) t.equal(parseSessionOptions(text), undefined, text)
})

t.test('the session has the required settings, whatever the defaults of database, role and URL', async (t) => {
  const { url } = await testPostgres(t)
  const logger = createLogger({ name: 'test', level: 'silent' })
  const name = `session_${process.pid}`
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  t.teardown(async () => {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
  })
  await admin.query(`CREATE DATABASE ${name}`)
  for (const setting of [
    "DateStyle = 'German, DMY'", "IntervalStyle = 'sql_standard'", "TimeZone = 'Asia/Kolkata'", 'extra_float_digits = -15', "bytea_output = 'escape'",
    'standard_conforming_strings = off', "search_path = 'elsewhere'", "default_transaction_isolation = 'serializable'", 'default_transaction_read_only = on',
    "idle_session_timeout = '1s'", "transaction_timeout = '1s'"
  ]) await admin.query(`ALTER DATABASE ${name} SET ${setting}`)
  const own = Object.assign(new URL(url), { pathname: `/${name}` })
  const show = async (search: string, names: string[]) => {
    own.search = search
    const pool = createPool({ url: own.href, applicationName: 'test', max: 1, sessionOptions: '-c plan_cache_mode=force_generic_plan -c enable_seqscan=off', logger })
    try {
      const { rows: [row] } = await pool.query<Record<string, string>>(`SELECT ${names.map((setting) => `current_setting('${setting}') AS ${setting}`).join(', ')}`)
      return row
    } finally {
      await pool.end()
    }
  }
  const required = {
    datestyle: 'ISO, MDY',
    intervalstyle: 'postgres',
    timezone: 'UTC',
    extra_float_digits: '1',
    bytea_output: 'hex',
    client_encoding: 'UTF8',
    standard_conforming_strings: 'on',
    default_transaction_isolation: 'read committed',
    default_transaction_read_only: 'off',
    plan_cache_mode: 'force_generic_plan',
    enable_seqscan: 'off'
  }
  const defaults = { search_path: 'public, pg_temp', statement_timeout: '4s', lock_timeout: '3s', idle_session_timeout: '0', transaction_timeout: '0', geqo: 'on' }
  const names = Object.keys({ ...required, ...defaults })
  t.same(await show('', names), { ...required, ...defaults })
  t.same(await show('?options=-c%20search_path%3Dorders,public%20-c%20geqo%3Doff%20-c%20datestyle%3Dsql%20-c%20enable_seqscan%3Don%20-c%20idle_session_timeout%3D1min&statement_timeout=0&lock_timeout=60000', names), {
    ...required, search_path: 'orders,public', statement_timeout: '0', lock_timeout: '1min', idle_session_timeout: '1min', transaction_timeout: '0', geqo: 'off'
  }, 'the URL overrides only settings that the code does not depend on')
})

t.test('a logged error contains neither its client nor a password', async (t) => {
  const lines: string[] = []
  const logger = pino({ serializers: { err: errorFields } }, new Writable({ write (chunk, _encoding, done) { lines.push(String(chunk)); done() } }))
  const client = new pg.Client({ connectionString: 'postgres://u:secret@h/d' })
  Object.assign(client, { secretKey: 4_711_815 })
  const error = Object.assign(new Error('cannot use postgres://u:secret@h/d'), { code: '57P01', client, position: 7n, fields: { status: 3, of: [client] } })
  const loop: Record<string, unknown> = {}
  loop.loop = loop
  logger.error({ err: Object.assign(new AggregateError([error], 'two', { cause: error }), { loop }) })
  const line = lines.join('')
  t.notMatch(line, /secret|4711815|connectionParameters/)
  t.match(JSON.parse(line), { err: { type: 'AggregateError', aggregateErrors: [{ code: '57P01', position: '7', fields: { status: 3 }, message: /redacted/ }] } })
})
