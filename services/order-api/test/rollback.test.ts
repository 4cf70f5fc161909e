import t from 'tap'
import { orderApi, orderOf } from './order-api.ts'

const KEYED = { 'idempotency-key': 'k' }

t.test('if the event cannot be written, the order is not stored', async (t) => {
  const api = await orderApi(t)
  await api.evidence.pool.query("ALTER TABLE outbox_events ADD CONSTRAINT no_orders CHECK (event_type <> 'OrderCreated')")
  for (const headers of [{}, KEYED]) t.equal((await api.create({ headers })).statusCode, 500)
  t.same(await api.evidence.counts(), { orders: 0, events: 0, keys: 0 })
  await api.evidence.pool.query('ALTER TABLE outbox_events DROP CONSTRAINT no_orders')
  t.equal((await api.create({ headers: KEYED })).headers['idempotency-replayed'], undefined, 'the failed answer was not stored')
  t.same(await api.evidence.counts(), { orders: 1, events: 1, keys: 1 })
})

t.test('if the event cannot be written, the status does not change', async (t) => {
  const api = await orderApi(t)
  const order = orderOf(await api.create())
  await api.evidence.pool.query("ALTER TABLE outbox_events ADD CONSTRAINT no_changes CHECK (event_type <> 'OrderConfirmed')")
  t.equal((await api.change('confirm', order.id)).statusCode, 500)
  t.same(orderOf(await api.request({ url: `/orders/${order.id}` })), order)
  t.equal((await api.change('cancel', order.id)).statusCode, 200, 'it is not locked, and its next version is still free')
  await api.evidence.assertWhole(t)
})

t.test('if the answer cannot be stored for its key, neither order nor event is stored', async (t) => {
  const api = await orderApi(t)
  await api.evidence.pool.query("ALTER TABLE idempotency_keys ADD CONSTRAINT no_answers CHECK (key <> 'k')")
  t.equal((await api.create({ headers: KEYED })).statusCode, 500)
  t.same(await api.evidence.counts(), { orders: 0, events: 0, keys: 0 })
  const order = orderOf(await api.create())
  t.equal((await api.change('confirm', order.id, KEYED)).statusCode, 500)
  t.same(orderOf(await api.request({ url: `/orders/${order.id}` })), order)
  await api.evidence.assertWhole(t)
})

t.test('after a failed COMMIT nothing is stored, and the connection is usable', async (t) => {
  const api = await orderApi(t, { env: { DATABASE_POOL_SIZE: '1' } })
  await api.evidence.pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON outbox_events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`)
  t.equal((await api.create()).statusCode, 500)
  t.same(await api.evidence.counts(), { orders: 0, events: 0, keys: 0 })
  await api.evidence.pool.query('DROP TRIGGER late ON outbox_events')
  t.equal((await api.create()).statusCode, 201)
  await api.evidence.assertWhole(t)
})

t.test('if the connection ends between the order and its event, neither is stored', async (t) => {
  const api = await orderApi(t, { timeouts: 'patient' })
  const release = await api.evidence.hold(t, 'outbox_events')
  const answer = api.create({ headers: KEYED })
  const [pid] = await api.evidence.waiting(1)
  await api.evidence.pool.query('SELECT pg_terminate_backend($1)', [pid])
  t.equal((await answer).statusCode, 503)
  t.equal((await answer).headers['retry-after'], '1')
  await release()
  t.same(await api.evidence.counts(), { orders: 0, events: 0, keys: 0 })
  t.equal((await api.create({ headers: KEYED })).statusCode, 201)
  t.same(await api.evidence.counts(), { orders: 1, events: 1, keys: 1 })
})
