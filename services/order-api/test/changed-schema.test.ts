// Migrations and other defaults of the database, under a running service.
import { testDatabase, until } from '@orders/testing/framework'
import type { LightMyRequestResponse } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import { orderApi, orderOf } from './order-api.ts'

const CONNECTIONS = 3

/**
 * Retries a 503, as a client does: on a busy machine new connections are slow. A statement that the service cannot recover from
 * is a 500, which is not retried.
 */
function answered (request: () => Promise<LightMyRequestResponse>): Promise<LightMyRequestResponse> {
  return until(async () => {
    const response = await request()
    return response.statusCode === 503 ? undefined : response
  }, { what: 'an answer other than 503', deadlineMs: 60_000 })
}

/** The service, with its statements prepared on every connection, and a connection of the database's owner. */
async function prepared (t: Test, before: readonly string[] = []) {
  const database = await testDatabase(t, { service: 'order-api' })
  const owner = new pg.Client({ connectionString: database.ownerUrl })
  await owner.connect()
  t.teardown(() => owner.end())
  const name = new URL(database.ownerUrl).pathname.slice(1)
  for (const setting of before) await owner.query(`ALTER DATABASE ${name} SET ${setting}`)
  const api = await orderApi(t, { database, timeouts: 'patient', env: { DATABASE_POOL_SIZE: String(CONNECTIONS) } })
  const orders = (await Promise.all(Array.from({ length: 2 * CONNECTIONS }, () => answered(() => api.create())))).map(orderOf)
  /** Sends every kind of request concurrently. */
  const useAll = async (key: string) => Promise.all(orders.flatMap(({ id }, index) => [
    () => api.request({ method: 'GET', url: `/orders/${id}` }),
    () => api.create({ headers: { 'idempotency-key': `${key}-${index}` } }),
    () => api.request({ method: 'GET', url: '/orders' })
  ].map(answered)))
  return { api, owner, orders, useAll }
}

t.test('a migration changes the types of columns while the service runs: no request fails', async (t) => {
  const { api, owner, orders, useAll } = await prepared(t)
  await useAll('before')
  for (const [index, change] of [
    'orders ALTER COLUMN version TYPE bigint', 'orders ALTER COLUMN customer_id TYPE varchar(300)', 'orders ADD COLUMN note text',
    'idempotency_keys ALTER COLUMN status_code TYPE bigint', 'outbox_events ALTER COLUMN event_type TYPE varchar(300)'
  ].entries()) {
    await owner.query(`ALTER TABLE ${change}`)
    const answers = await useAll(`after-${index}`)
    t.same(answers.filter(({ statusCode }) => statusCode !== 200 && statusCode !== 201).map(({ payload }) => payload), [], change)
  }
  for (const { id } of orders) t.equal((await answered(() => api.change('confirm', id))).statusCode, 200)
  await api.evidence.assertWhole(t)
})

t.test('a database with other defaults: the answers are the same, and of concurrent changes one succeeds and the others get 409', async (t) => {
  const { api, orders, useAll } = await prepared(t, ["DateStyle = 'German'", "TimeZone = 'Asia/Kolkata'", "default_transaction_isolation = 'serializable'"])
  t.same(new Set((await useAll('k')).map(({ statusCode }) => statusCode)), new Set([200, 201]))
  const [order] = orders
  const changes = await Promise.all(Array.from({ length: 2 * CONNECTIONS }, () => answered(() => api.change('confirm', order?.id ?? ''))))
  t.same(changes.map(({ statusCode }) => statusCode).toSorted(), [200, ...Array.from({ length: 2 * CONNECTIONS - 1 }, () => 409)])
  await api.evidence.assertWhole(t)
})
