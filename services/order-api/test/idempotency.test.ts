import { testDatabase, until } from '@orders/testing/framework'
import { createLogger } from '@orders/service-kit'
import t from 'tap'
import { deleteOldKeys } from '../src/idempotency/keys.ts'
import { purgeIdempotencyKeys } from '../src/idempotency/purge.ts'
import { orderApi, orderOf } from './order-api.ts'

const key = (value: string) => ({ 'idempotency-key': value })

t.test('the same request with the same key takes effect once, and gets the same answer', async (t) => {
  const api = await orderApi(t)
  const first = await api.create({ headers: key('order-1') })
  t.notOk(first.headers['idempotency-replayed'])
  for (let repetition = 0; repetition < 3; repetition++) {
    const again = await api.create({ headers: key('order-1') })
    t.equal(again.statusCode, first.statusCode)
    t.equal(again.payload, first.payload)
    t.equal(again.headers.location, first.headers.location)
    t.equal(again.headers['idempotency-replayed'], 'true')
  }
  t.same(await api.evidence.counts(), { orders: 1, events: 1, keys: 1 })

  const { id } = orderOf(first)
  const confirmed = await api.change('confirm', id, key('confirm-1'))
  const again = await api.change('confirm', id, key('confirm-1'))
  t.equal(again.statusCode, 200, 'not the 409 that a second confirmation would be')
  t.equal(again.payload, confirmed.payload)
  await api.change('ship', id)
  t.equal((await api.change('confirm', id, key('confirm-1'))).payload, confirmed.payload, 'the stored answer, also after the order has changed')
  t.same((await api.evidence.events(id)).map(({ version }) => version), [1, 2, 3])
})

t.test('a key that was used for another request is refused, and nothing changes', async (t) => {
  const api = await orderApi(t)
  const { id } = orderOf(await api.create({ customerId: 'a', headers: key('k') }))
  const other = orderOf(await api.create({ customerId: 'a' }))
  const before = await api.evidence.counts()
  for (const response of [
    await api.create({ customerId: 'b', headers: key('k') }),
    await api.change('confirm', id, key('k')),
    await api.change('confirm', other.id, key('k'))
  ]) {
    t.equal(response.statusCode, 422)
    t.match(response.json(), { type: 'urn:problem:idempotency-key-reused' })
  }
  await api.change('confirm', id, key('c'))
  t.equal((await api.change('confirm', other.id, key('c'))).statusCode, 422, 'the same change of another order is another request')
  t.same(await api.evidence.counts(), { ...before, events: before.events + 1, keys: before.keys + 1 })
})

t.test('keys differ by every character, and without a key each request takes effect', async (t) => {
  const api = await orderApi(t)
  for (const value of ['k', 'K', 'k1', '"k"', '~!', 'x'.repeat(255)]) t.equal((await api.create({ headers: key(value) })).headers['idempotency-replayed'], undefined)
  for (let repetition = 0; repetition < 2; repetition++) await api.create()
  t.same(await api.evidence.counts(), { orders: 8, events: 8, keys: 6 })
})

t.test('a refused request does not use up its key', async (t) => {
  const api = await orderApi(t)
  t.equal((await api.create({ customerId: '?', headers: key('k') })).statusCode, 400)
  const { id } = orderOf(await api.create({ headers: key('k') }))
  t.equal((await api.change('ship', id, key('s'))).statusCode, 409)
  await api.change('confirm', id)
  t.equal((await api.change('ship', id, key('s'))).statusCode, 200, 'the action that was refused can succeed later')
})

t.test('while the first request is in flight, the same key gets 409', async (t) => {
  const api = await orderApi(t, { timeouts: 'patient' })
  const release = await api.evidence.hold(t, 'outbox_events')
  const first = api.create({ headers: key('k') })
  await api.evidence.waiting(1)
  for (const response of [await api.create({ headers: key('k') }), await api.create({ customerId: 'other', headers: key('k') })]) {
    t.equal(response.statusCode, 409)
    t.match(response.json(), { type: 'urn:problem:request-in-flight' })
    t.equal(response.headers['retry-after'], '1')
  }
  await release()
  t.equal((await first).statusCode, 201)
  t.equal((await api.create({ headers: key('k') })).payload, (await first).payload)
  t.same(await api.evidence.counts(), { orders: 1, events: 1, keys: 1 })
})

t.test('the same key many times concurrently, on two replicas: one order', async (t) => {
  const database = await testDatabase(t, { service: 'order-api' })
  const one = await orderApi(t, { database })
  const other = await orderApi(t, { database })
  const responses = await Promise.all(Array.from({ length: 30 }, (_, index) => (index % 2 === 0 ? one : other).create({ headers: key('k') })))
  const created = responses.filter(({ statusCode }) => statusCode === 201)
  t.same(responses.filter(({ statusCode }) => statusCode !== 201 && statusCode !== 409), [])
  t.equal(created.filter(({ headers }) => headers['idempotency-replayed'] === undefined).length, 1, 'carried out once')
  t.equal(new Set(created.map(({ payload }) => payload)).size, 1)
  t.same(await one.evidence.counts(), { orders: 1, events: 1, keys: 1 })
})

t.test('invalid keys are refused', async (t) => {
  const api = await orderApi(t)
  for (const value of ['', ' ', 'a b', 'a\tb', 'x'.repeat(256), 'schlüssel', 'a, b']) {
    const response = await api.create({ headers: key(value) })
    t.equal(response.statusCode, 400, JSON.stringify(value.slice(0, 20)))
    t.match(response.json(), { type: 'urn:problem:invalid-request', errors: [{ in: 'headers', pointer: '/idempotency-key' }] })
  }
  t.same(await api.evidence.counts(), { orders: 0, events: 0, keys: 0 })
})

t.test('keys are deleted after their retention, and not earlier', async (t) => {
  const api = await orderApi(t)
  await api.evidence.pool.query(`
    INSERT INTO idempotency_keys (key, request_hash, status_code, response, created_at)
    SELECT 'old-' || n, '', 201, '{}'::jsonb, now() - interval '24 hours 1 minute' FROM generate_series(1, 2500) AS n
    UNION ALL SELECT 'young-' || n, '', 201, '{}', now() - interval '23 hours 50 minutes' FROM generate_series(1, 3) AS n`)
  const stop = new AbortController()
  const purging = purgeIdempotencyKeys(api.app.pg.pool, 24, {
    logger: createLogger({ name: 'test', level: 'silent' }), outages: undefined, signal: stop.signal
  })
  t.teardown(() => { stop.abort(); return purging })
  await until(async () => (await api.evidence.counts()).keys <= 3, { what: 'the old keys to be deleted' })
  stop.abort()
  await purging
  t.equal((await api.evidence.counts()).keys, 3)
})

t.test('the search for old keys starts where the previous one ended', async (t) => {
  const { app: { pg: { pool } }, evidence } = await orderApi(t)
  await evidence.pool.query(`
    INSERT INTO idempotency_keys (key, request_hash, status_code, response, created_at)
    SELECT 'old-' || n, '', 201, '{}'::jsonb, now() - interval '25 hours' - n * interval '1 second' FROM generate_series(1, 30) AS n`)
  const first = await deleteOldKeys(pool, 24, 20)
  t.equal(first.count, 20)
  const { rows: [row] } = await evidence.pool.query<{ left: number }>('SELECT count(*)::int AS left FROM idempotency_keys WHERE created_at <= $1', [first.upTo])
  t.equal(row?.left, 0, 'nothing older is left')
  const second = await deleteOldKeys(pool, 24, 20, first.upTo)
  t.equal(second.count, 10)
  t.same(await deleteOldKeys(pool, 24, 20, second.upTo), { count: 0, upTo: second.upTo })
  t.equal((await evidence.counts()).keys, 0)
})
