import { randomUUID } from 'node:crypto'
import { Postgres } from '@orders/testing/servers'
import { startService, testDatabase, until, type ServiceProcess } from '@orders/testing/framework'
import pg from 'pg'
import t, { type Test } from 'tap'
import { OrderApiClient } from './order-api-client.ts'
import { databaseUrl, evidenceOf, proxyOf } from './order-api.ts'

async function probe (service: ServiceProcess, path: string): Promise<number> {
  return (await fetch(`${service.ops}${path}`, { signal: AbortSignal.timeout(30_000) })).status
}

/** While the database is unavailable: every request gets 503, and the process is alive and not ready. */
async function assertAway (t: Test, service: ServiceProcess, client: OrderApiClient): Promise<void> {
  const id = '01901632-0000-7000-8000-000000000000'
  const answers = await Promise.all([
    ...Array.from({ length: 10 }, (_, index) => client.create(index % 2 === 0 ? undefined : `away-${index}`)),
    client.request('GET', '/orders'), client.request('GET', `/orders/${id}`), client.request('POST', `/orders/${id}/confirm`)
  ])
  for (const { status, headers, body } of answers) {
    t.equal(status, 503)
    t.equal(headers.get('retry-after'), '1')
    t.match(body, { type: 'urn:problem:unavailable' })
  }
  t.equal(await probe(service, '/readyz'), 503, 'not ready')
  t.equal(await probe(service, '/livez'), 200, 'but alive: a restart would not help')
}

/** After the outage: the same process is ready, and accepts orders. */
async function assertHealed (t: Test, service: ServiceProcess, client: OrderApiClient, pid: number): Promise<void> {
  await until(async () => await probe(service, '/readyz') === 200, { what: 'the service to be ready again' })
  t.equal((await client.createWithRetry(randomUUID())).status, 201)
  t.equal(service.pid, pid, 'the same process')
  t.ok(service.running)
}

t.test('connections that are cut, or lose all packets: 503, no hang, and it recovers', async (t) => {
  const database = await testDatabase(t, { service: 'order-api' })
  const proxy = await proxyOf(t, database.ownerUrl)
  const service = await startService(t, 'order-api', { DATABASE_URL: databaseUrl(database.url('order_api'), { proxy, timeouts: 'own' }) })
  const client = new OrderApiClient(t, service)
  const evidence = evidenceOf(t, database.ownerUrl)
  const { pid } = service
  t.equal((await client.createWithRetry(randomUUID())).status, 201)
  for (const breakLink of ['cut', 'hang'] as const) {
    proxy[breakLink]()
    await assertAway(t, service, client)
    proxy.heal()
    await assertHealed(t, service, client, pid)
  }
  t.same(await evidence.counts(), { orders: 3, events: 3, keys: 3 })
  await evidence.assertWhole(t)
})

t.test('a database that admits no connection, for whatever reason: 503, and it recovers', async (t) => {
  const database = await testDatabase(t, { service: 'order-api' })
  const name = new URL(database.ownerUrl).pathname.slice(1)
  const server = new pg.Client(Object.assign(new URL(database.ownerUrl), { pathname: '/postgres' }).href)
  await server.connect()
  t.teardown(() => server.end())
  const service = await startService(t, 'order-api', { DATABASE_URL: database.url('order_api') })
  const client = new OrderApiClient(t, service)
  const { pid } = service
  for (const [close, reopen] of [
    // SQLSTATE 55000, a wrong state.
    [`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`],
    // SQLSTATE 42501, as for a table without the right.
    [`REVOKE CONNECT ON DATABASE ${name} FROM order_api`, `GRANT CONNECT ON DATABASE ${name} TO order_api`]
  ] as const) {
    await server.query(close)
    await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
    await assertAway(t, service, client)
    await server.query(reopen)
    await assertHealed(t, service, client, pid)
  }
})

t.test('Postgres refuses an option of the URL: 503', async (t) => {
  const database = await testDatabase(t, { service: 'order-api' })
  // In the startup message, and in the statement that begins the session.
  for (const option of ['geqo=maybe', 'no_such_setting=1', 'statement_timeout=abc']) {
    const url = Object.assign(new URL(database.url('order_api')), { search: `options=-c%20${encodeURIComponent(option)}` })
    await assertAway(t, ...await withClient(t, url.href))
  }
})

async function withClient (t: Test, url: string): Promise<[ServiceProcess, OrderApiClient]> {
  const service = await startService(t, 'order-api', { DATABASE_URL: url })
  return [service, new OrderApiClient(t, service)]
}

t.test('Postgres is stopped, crashes, or starts after the service', async (t) => {
  const postgres = await Postgres.start({ settings: { shared_buffers: '32MB' } })
  t.teardown(() => postgres.close())
  const database = await testDatabase(t, { service: 'order-api', server: postgres })
  await postgres.stop()
  const service = await startService(t, 'order-api', { DATABASE_URL: database.url('order_api') })
  const client = new OrderApiClient(t, service)
  const { pid } = service
  await assertAway(t, service, client)
  await postgres.start()
  await assertHealed(t, service, client, pid)
  for (const mode of ['fast', 'immediate'] as const) {
    await postgres.stop(mode)
    await assertAway(t, service, client)
    await postgres.start()
    await assertHealed(t, service, client, pid)
  }
  const evidence = evidenceOf(t, database.ownerUrl)
  t.same(await evidence.counts(), { orders: 3, events: 3, keys: 3 })
  await evidence.assertWhole(t)
})
