import { startService, testDatabase, testPostgres, until } from '@orders/testing/framework'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { OrderApiClient } from './order-api-client.ts'
import { databaseUrl, evidenceOf } from './order-api.ts'

t.test('a replica with all connections in use is still ready', async (t) => {
  const database = await testDatabase(t, { service: 'order-api' })
  const service = await startService(t, 'order-api', {
    DATABASE_URL: databaseUrl(database.url('order_api'), { timeouts: 'patient' }), DATABASE_POOL_SIZE: '2'
  })
  const client = new OrderApiClient(t, service)
  const evidence = evidenceOf(t, database.ownerUrl)
  const release = await evidence.hold(t, 'outbox_events')
  const requests = Array.from({ length: 4 }, () => client.create())
  await evidence.waiting(2)

  const answer = await fetch(`${service.ops}/readyz`)
  t.equal(answer.status, 200, await answer.text())

  await release()
  await Promise.all(requests)
  await evidence.assertWhole(t)
})

t.test('with a missing table, column or right: not ready, with the remedy, logged once', async (t) => {
  const database = await testDatabase(t, { service: 'order-api' })
  const service = await startService(t, 'order-api', { DATABASE_URL: database.url('order_api') })
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 1 })
  t.teardown(() => owner.end())
  const ready = async () => {
    const response = await fetch(`${service.ops}/readyz`)
    return { status: response.status, type: response.headers.get('content-type'), body: await response.json() as object }
  }
  t.match(await ready(), { status: 200, body: { status: 'ok' } })

  const broken: Array<[what: string, breaks: string, mends: string]> = [
    ['a table that is not there', 'ALTER TABLE idempotency_keys RENAME TO elsewhere', 'ALTER TABLE elsewhere RENAME TO idempotency_keys'],
    ['a column that is not there', 'ALTER TABLE orders RENAME COLUMN version TO elsewhere', 'ALTER TABLE orders RENAME COLUMN elsewhere TO version'],
    ['no outbox', 'ALTER TABLE outbox_events RENAME TO elsewhere', 'ALTER TABLE elsewhere RENAME TO outbox_events'],
    ['no right to read orders', 'REVOKE SELECT ON orders FROM order_api', 'GRANT SELECT ON orders TO order_api'],
    ['no right to write events', 'REVOKE INSERT (payload) ON outbox_events FROM order_api', 'GRANT INSERT (payload) ON outbox_events TO order_api']
  ]
  for (const [what, breaks, mends] of broken) {
    await owner.query(breaks)
    const before = service.logs.length
    for (let probe = 0; probe < 5; probe++) {
      t.match(await ready(), {
        status: 503,
        type: /^application\/problem\+json/,
        body: { type: 'urn:problem:not-ready', failures: [{ check: 'postgres', reason: /DATABASE_URL, and the right to use them, found: .*Correct DATABASE_URL, or run the migrations/ }] }
      }, what)
    }
    t.equal(service.logs.slice(before).filter(({ event }) => event === 'not_ready').length, 1, `${what}: one line`)
    await owner.query(mends)
    await until(async () => (await ready()).status === 200, { what: 'the service to be ready again' })
  }
})

t.test('with an empty database: not ready', async (t) => {
  const { url } = await testPostgres(t)
  const name = `empty_${randomBytes(5).toString('hex')}`
  const owner = new pg.Pool({ connectionString: url, max: 1 })
  await owner.query(`CREATE DATABASE ${name}`)
  t.teardown(async () => {
    await owner.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await owner.end()
  })
  const service = await startService(t, 'order-api', { DATABASE_URL: Object.assign(new URL(url), { pathname: `/${name}` }).href })
  const response = await fetch(`${service.ops}/readyz`)
  t.equal(response.status, 503)
  t.match(await response.text(), /run the migrations/)
  t.equal((await fetch(`${service.ops}/livez`)).status, 200)
})
