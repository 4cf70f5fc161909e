// The services behind PgBouncer: the one of Debian 12 (1.18), without prepared statements, and newer ones.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { startService, testDatabase, until } from '@orders/testing/framework'
import { connectionOptions, createLogger, createPool, openClient, PoolerError, withTransaction } from '@orders/service-kit'
import t, { type Test } from 'tap'

const PATH = `${process.env.PATH ?? ''}:/usr/sbin`
const KEEPS_PREPARED_STATEMENTS = '1.21'
const version = /PgBouncer (\d+\.\d+)/.exec(spawnSync('pgbouncer', ['-V'], { env: { PATH }, encoding: 'utf8' }).stdout ?? '')?.[1]
const isNewer = version !== undefined && version.localeCompare(KEEPS_PREPARED_STATEMENTS, 'en', { numeric: true }) >= 0
const skip = version === undefined ? 'needs pgbouncer on the PATH (Debian: apt-get install pgbouncer)' : false
const skipOld = skip !== false ? skip : isNewer ? false : `needs PgBouncer ${KEEPS_PREPARED_STATEMENTS} or newer, found ${version}`
const logger = createLogger({ name: 'test', level: 'silent' })

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** A pooler in front of the database of order-api. @returns the URL of a role through the pooler */
async function pgbouncer (t: Test, settings: Record<string, string | number>): Promise<(role: string) => string> {
  const database = await testDatabase(t, { service: 'order-api' })
  const server = new URL(database.ownerUrl)
  const port = await freePort()
  const folder = `/tmp/orders-pgbouncer-${randomBytes(4).toString('hex')}`
  spawnSync('mkdir', [folder])
  t.teardown(() => spawnSync('rm', ['-rf', folder]))
  await chmod(folder, 0o777)
  await writeFile(`${folder}/users.txt`, '"order_api" "test"\n"outbox_relay" "test"\n')
  const all = { listen_addr: '127.0.0.1', listen_port: port, auth_type: 'plain', auth_file: `${folder}/users.txt`, unix_socket_dir: '', logfile: `${folder}/log`, default_pool_size: 3, ...settings }
  await writeFile(`${folder}/pgbouncer.ini`, `[databases]\n* = host=127.0.0.1 port=${server.port}\n[pgbouncer]\n${Object.entries(all).map(([name, value]) => `${name} = ${value}`).join('\n')}\n`)
  const child = spawn('pgbouncer', [...process.getuid?.() === 0 ? ['-u', 'nobody'] : [], `${folder}/pgbouncer.ini`], { env: { PATH }, stdio: 'ignore' })
  t.teardown(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  await until(async () => (await readFile(`${folder}/log`, 'utf8')).includes('process up'), { what: 'pgbouncer to be up' })
  return (role) => {
    const url = new URL(database.url(role))
    url.port = String(port)
    return url.href
  }
}

async function useConcurrently (url: string): Promise<void> {
  const pool = createPool({ url, applicationName: 'test', max: 6, logger })
  try {
    await Promise.all(Array.from({ length: 60 }, () => withTransaction(pool, async (client) => {
      await client.query({ name: 'find', text: 'SELECT id, created_at FROM orders WHERE customer_id = $1', values: ['nobody'] })
      await client.query({ name: 'count', text: 'SELECT count(*)::int FROM orders' })
    })))
  } finally {
    await pool.end()
  }
}

t.test('transaction pooling without prepared statements: refused at once, with the setting', { skip }, async (t) => {
  const url = await pgbouncer(t, { pool_mode: 'transaction', ...isNewer ? { max_prepared_statements: 0 } : {} })
  const pool = createPool({ url: url('order_api'), applicationName: 'test', max: 2, logger })
  t.teardown(() => pool.end())
  for (let repetition = 0; repetition < 2; repetition++) {
    const error: unknown = await pool.query('SELECT').catch((error: unknown) => error)
    t.ok(error instanceof PoolerError, String(error))
    t.match(error, { code: 'POSTGRES_POOLER_UNFIT', message: /max_prepared_statements above 0 in PgBouncer 1\.21 or newer/ })
  }
  const service = await startService(t, 'order-api', { DATABASE_URL: url('order_api') }, { waitUntilListening: false })
  t.equal(await service.exited(), 1)
  t.match(service.logs.filter(({ level }) => level === 'fatal').map((line) => JSON.stringify(line)), [/max_prepared_statements/])
})

t.test('session pooling: works like a server, without ignore_startup_parameters', { skip }, async (t) => {
  const url = await pgbouncer(t, { pool_mode: 'session', default_pool_size: 20 })
  await useConcurrently(url('order_api'))
  const listener = await openClient(connectionOptions({ url: url('outbox_relay'), applicationName: 'test', needsSession: 'anything' }))
  await listener.end()
})

t.test('transaction pooling with prepared statements: works, except for connections that need a session', { skip: skipOld }, async (t) => {
  const url = await pgbouncer(t, { pool_mode: 'transaction', max_prepared_statements: 100 })
  await useConcurrently(url('order_api'))
  await t.rejects(openClient(connectionOptions({ url: url('outbox_relay'), applicationName: 'test', needsSession: 'RELAY_EAGER_TAKEOVER=false' })), {
    code: 'POSTGRES_POOLER_UNFIT', message: /LISTEN and advisory locks.*or set RELAY_EAGER_TAKEOVER=false/
  })
})
