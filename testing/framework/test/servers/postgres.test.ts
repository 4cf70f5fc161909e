import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { Postgres } from '../../../servers/index.ts'
import { until } from '../../index.ts'
import pg from 'pg'
import t from 'tap'

async function query (url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  return client.query(sql).then(({ rows }) => rows as unknown[]).finally(() => client.end())
}

async function uidOf (user: string): Promise<number> {
  const passwd = await readFile('/etc/passwd', 'utf8')
  return Number(passwd.split('\n').map((line) => line.split(':')).find(([name]) => name === user)?.[2])
}

t.test('two side by side, with settings of their own, and never as root', async (t) => {
  const [first, second] = await Promise.all([Postgres.start(), Postgres.start({ settings: { work_mem: '5MB' } })])
  t.teardown(() => Promise.all([first.close(), second.close()]))
  t.not(new URL(first.url).port, new URL(second.url).port)
  t.same(await query(second.url, 'SHOW work_mem'), [{ work_mem: '5MB' }])
  t.match(await query(first.url, 'SHOW server_version'), [{ server_version: /^18\./ }])
  t.equal((await stat(first.dataDirectory)).uid, process.getuid?.() === 0 ? await uidOf('nobody') : process.getuid?.())
  await first.close()
  t.notOk(existsSync(first.dataDirectory), 'closed: nothing is left')
  await t.rejects(query(first.url, 'SELECT'), { code: 'ECONNREFUSED' })
})

t.test('starts again on the same data and port, however it was stopped', async (t) => {
  const server = await Postgres.start()
  t.teardown(() => server.close())
  await query(server.url, 'CREATE TABLE survived (how text)')
  const stops: Record<string, () => Promise<void>> = {
    fast: () => server.stop(),
    immediate: () => server.stop('immediate'),
    killed: async () => { server.kill('SIGKILL'); await server.stop() }
  }
  for (const [how, stop] of Object.entries(stops)) {
    await query(server.url, `INSERT INTO survived VALUES ('${how}')`)
    await stop()
    await t.rejects(query(server.url, 'SELECT'), { code: 'ECONNREFUSED' }, how)
    // Sessions of a killed server hold its memory for a moment: until they have noticed, it does not start.
    await until(async () => { await server.start(); return true }, { what: `Postgres to start again (${how})` })
  }
  t.same(await query(server.url, 'SELECT how FROM survived'), Object.keys(stops).map((how) => ({ how })))
})

t.test('one that cannot start says why, and leaves nothing', async (t) => {
  const error = await Postgres.start({ settings: { no_such_setting: '1' } }).catch((error: unknown) => error)
  t.match(error, { code: 'LOCAL_STACK_SERVER', message: /ended while it started; the end of its log:[^]*no_such_setting/ })
})

t.test('goes back to a backup that was made while it worked; a copy of it is another server', async (t) => {
  const server = await Postgres.start()
  t.teardown(() => server.close())
  await query(server.url, 'CREATE TABLE kept (n integer)')
  await query(server.url, 'INSERT INTO kept VALUES (1)')
  const work = new AbortController()
  const working = (async () => { while (!work.signal.aborted) await query(server.url, 'INSERT INTO kept SELECT 7 WHERE false') })()
  const backup = await server.backup()
  work.abort()
  await working
  await query(server.url, 'INSERT INTO kept VALUES (2)')
  const copy = await Postgres.startCopy(backup)
  t.teardown(() => copy.close())
  t.same(await query(copy.url, 'SELECT n FROM kept'), [{ n: 1 }])
  await query(copy.url, 'INSERT INTO kept VALUES (3)')
  await server.restore(backup)
  await server.start()
  t.same(await query(server.url, 'SELECT n FROM kept'), [{ n: 1 }])
  await query(server.url, 'INSERT INTO kept VALUES (4)')
  t.same(await query(server.url, 'SELECT n FROM kept'), [{ n: 1 }, { n: 4 }])
  t.same(await query(copy.url, 'SELECT n FROM kept'), [{ n: 1 }, { n: 3 }])
})
