import { until } from '@orders/testing/framework'
import type { LightMyRequestResponse } from 'fastify'
import type pg from 'pg'
import t from 'tap'
import { orderApi } from './order-api.ts'

t.test('an exhausted pool: 503 with Retry-After, at once if the queue is full, and it recovers', async (t) => {
  const api = await orderApi(t, { timeouts: 'patient', env: { DATABASE_POOL_SIZE: '1' } })
  const release = await api.evidence.hold(t, 'outbox_events')
  const first = api.create()
  await api.evidence.waiting(1)

  const answered: LightMyRequestResponse[] = []
  const requests = Array.from({ length: 60 }, async () => { answered.push(await api.create()) })
  const typeOf = (response: LightMyRequestResponse) => response.json<{ type: string }>().type
  await until(() => answered.length > 0, { what: 'an answer' })
  t.equal((await api.request({ url: '/orders' })).statusCode, 200, 'reads do not wait behind writes')
  t.equal(answered[0] && typeOf(answered[0]), 'urn:problem:overloaded', 'the first answers belong to requests that never waited')
  await Promise.all(requests)
  t.same(answered.filter(({ statusCode, headers }) => statusCode !== 503 || headers['retry-after'] !== '1'), [], 'every one is 503 with Retry-After')
  const waited = answered.filter((response) => typeOf(response) === 'urn:problem:unavailable')
  t.equal(waited.length, 20, 'only as many wait as can get a connection in time, although all arrived at once')

  await release()
  t.equal((await first).statusCode, 201, 'the request that had a connection succeeds')
  t.equal((await api.create()).statusCode, 201)
  t.same(await api.evidence.counts(), { orders: 2, events: 2, keys: 0 }, 'refused requests stored nothing')
})

async function sessions (pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'order-api reads'")
  return rows.length
}

t.test('waiting reads do not block new orders', async (t) => {
  const api = await orderApi(t, { timeouts: 'patient', env: { DATABASE_POOL_SIZE: '2', ORDER_API_READ_POOL_SIZE: '2' } })
  const placed = await api.create()
  t.equal(placed.statusCode, 201)
  // Reads wait for this lock. Writes do not.
  const { pool } = api.evidence
  await pool.query(`ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
                    CREATE POLICY slow ON orders USING (
                      current_setting('application_name') NOT LIKE '%reads' OR pg_advisory_xact_lock_shared(1) IS NOT NULL)`)
  const holder = await pool.connect()
  let held = true
  const release = async () => {
    if (!held) return
    held = false
    await holder.query('SELECT pg_advisory_unlock(1)').finally(() => { holder.release() })
  }
  t.teardown(release)
  // Open both connections first: on a busy machine a connect can take longer than a request waits.
  await until(async () => {
    await Promise.all(Array.from({ length: 20 }, () => api.request({ url: '/orders' })))
    return await sessions(pool) === 2
  }, { what: 'two connections for reads' })
  await holder.query('SELECT pg_advisory_lock(1)')
  const reads = Promise.all(Array.from({ length: 200 }, (_, index) =>
    api.request({ url: index % 2 === 0 ? '/orders?limit=200' : `/orders/${placed.json<{ id: string }>().id}` })))
  await api.evidence.waiting(2)

  const orders = await Promise.all(Array.from({ length: 30 }, () => api.create()))
  t.same(orders.filter(({ statusCode }) => statusCode !== 201), [], 'orders are accepted')
  t.equal((await api.change('confirm', placed.json<{ id: string }>().id)).statusCode, 200, 'and changed')

  await release()
  const statuses = (await reads).map(({ statusCode }) => statusCode)
  t.same([...new Set(statuses)].sort(), [200, 503], 'reads that could not get a connection in time were refused')
  t.ok(statuses.filter((status) => status === 200).length >= 2)
})

t.test('a lock that is not released in time is an outage, not a hang', async (t) => {
  const api = await orderApi(t)
  const release = await api.evidence.hold(t, 'outbox_events')
  const response = await api.create()
  t.equal(response.statusCode, 503)
  t.match(response.json(), { type: 'urn:problem:unavailable' })
  await release()
  t.equal((await api.create()).statusCode, 201)
  t.same(await api.evidence.counts(), { orders: 1, events: 1, keys: 0 })
})
