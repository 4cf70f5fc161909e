import { until } from '@orders/testing/framework'
import { WAKEUP_CHANNEL } from '@orders/outbox'
import t from 'tap'
import { orderApi, orderOf } from './order-api.ts'

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

t.test('a new order gets 201, and is stored together with its event', async (t) => {
  const api = await orderApi(t)
  const before = Date.now()
  const response = await api.create({ customerId: 'customer-7' })
  t.equal(response.statusCode, 201)
  const order = orderOf(response)
  t.match(order, { id: UUID_V7, customerId: 'customer-7', status: 'PENDING', version: 1 })
  t.same(Object.keys(order).sort(), ['createdAt', 'customerId', 'id', 'status', 'updatedAt', 'version'])
  t.match(order.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.ok(Math.abs(Date.parse(order.createdAt) - before) < 60_000, order.createdAt)
  t.equal(response.headers.location, `/orders/${order.id}`)
  t.same(orderOf(await api.request({ url: String(response.headers.location) })), order, 'Location leads to it')

  t.same(await api.evidence.orders(), [{ id: order.id, customer_id: 'customer-7', status: 'PENDING', version: 1 }])
  const events = await api.evidence.events()
  t.equal(events.length, 1)
  t.match(events[0], {
    event_id: UUID_V7,
    aggregate_type: 'order',
    aggregate_id: order.id,
    version: 1,
    event_type: 'OrderCreated',
    payload: { orderId: order.id, customerId: 'customer-7' }
  })
  t.same(await api.evidence.counts(), { orders: 1, events: 1, keys: 0 })
})

t.test('the event continues the caller\'s trace; without a valid one it starts a new trace', async (t) => {
  const api = await orderApi(t)
  const trace = async (headers: Record<string, string>) => {
    const { id } = orderOf(await api.create({ headers }))
    return (await api.evidence.events(id))[0]?.headers ?? {}
  }
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const carried = await trace({ traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: 'vendor=value' })
  t.match(carried, { traceparent: new RegExp(`^00-${traceId}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`), tracestate: 'vendor=value' })
  t.match(await trace({ traceparent: `00-${traceId}-b7ad6b7169203331-00` }), { traceparent: /-00$/ }, 'not sampled stays not sampled')
  for (const headers of [{}, { traceparent: 'nonsense' }, { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` }]) {
    const fresh = await trace(headers)
    t.match(fresh, { traceparent: /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/ })
    t.notMatch(fresh.traceparent, new RegExp(`${traceId}|0{32}`))
  }
  t.notOk('tracestate' in await trace({ traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: 'x'.repeat(513) }), 'a huge tracestate is left out')
})

t.test('concurrent orders: each has its own id and its own event', async (t) => {
  const api = await orderApi(t)
  const responses = await Promise.all(Array.from({ length: 60 }, (_, index) => api.create({ customerId: `customer-${index}` })))
  t.same(responses.filter(({ statusCode }) => statusCode !== 201), [])
  t.equal(new Set(responses.map((response) => orderOf(response).id)).size, 60)
  t.same(await api.evidence.counts(), { orders: 60, events: 60, keys: 0 })
  await api.evidence.assertWhole(t)
})

t.test('the relay is woken after the commit', async (t) => {
  const api = await orderApi(t)
  const listener = await api.evidence.pool.connect()
  t.teardown(() => { listener.release(true) })
  const woken: string[] = []
  listener.on('notification', ({ channel }) => { woken.push(channel) })
  await listener.query(`LISTEN ${WAKEUP_CHANNEL}`)
  await api.create()
  await until(() => woken.length > 0, { what: 'a wake-up' })
})
