import { ORDER_STATUSES, type OrderStatus } from '@orders/contracts'
import { testDatabase } from '@orders/testing/framework'
import t from 'tap'
import { TRANSITIONS, type Action } from '../src/orders/transitions.ts'
import { orderApi, orderOf, type OrderApi } from './order-api.ts'

/** The actions that bring a new order to a status. */
const WAY_TO: Record<OrderStatus, Action[]> = {
  PENDING: [], CONFIRMED: ['confirm'], SHIPPED: ['confirm', 'ship'], DELIVERED: ['confirm', 'ship', 'deliver'], CANCELLED: ['cancel']
}

const ALLOWED: Record<OrderStatus, Partial<Record<Action, [status: OrderStatus, event: string]>>> = {
  PENDING: { confirm: ['CONFIRMED', 'OrderConfirmed'], cancel: ['CANCELLED', 'OrderCancelled'] },
  CONFIRMED: { ship: ['SHIPPED', 'OrderShipped'], cancel: ['CANCELLED', 'OrderCancelled'] },
  SHIPPED: { deliver: ['DELIVERED', 'OrderDelivered'] },
  DELIVERED: {},
  CANCELLED: {}
}

async function orderIn (api: OrderApi, status: OrderStatus) {
  let order = orderOf(await api.create())
  for (const action of WAY_TO[status]) order = orderOf(await api.change(action, order.id))
  return order
}

t.test('every action in every status: the next version and one event, or 409 and no change', async (t) => {
  const api = await orderApi(t)
  for (const status of ORDER_STATUSES) {
    for (const action of Object.keys(TRANSITIONS) as Action[]) {
      const order = await orderIn(api, status)
      t.equal(order.status, status)
      const before = await api.evidence.events(order.id)
      const response = await api.change(action, order.id)
      const after = await api.evidence.events(order.id)
      const [next, eventType] = ALLOWED[status][action] ?? []
      if (next === undefined) {
        t.equal(response.statusCode, 409, `${action} of ${status} is refused`)
        t.match(response.json(), { type: 'urn:problem:status-conflict', detail: new RegExp(`this one is ${status}$`) })
        t.same(after, before, 'and leaves no event')
        t.same(orderOf(await api.request({ url: `/orders/${order.id}` })), order, 'and the order as it was')
      } else {
        t.equal(response.statusCode, 200, `${action} of ${status}`)
        const changed = orderOf(response)
        t.match(changed, { id: order.id, customerId: order.customerId, status: next, version: order.version + 1, createdAt: order.createdAt })
        t.ok(changed.updatedAt >= order.updatedAt)
        t.same(after.slice(0, -1), before)
        t.match(after.at(-1), { event_type: eventType, version: changed.version, payload: { orderId: order.id, customerId: order.customerId } })
        t.same(orderOf(await api.request({ url: `/orders/${order.id}` })), changed)
      }
    }
  }
  await api.evidence.assertWhole(t)
})

t.test('an unknown order, and an invalid id', async (t) => {
  const api = await orderApi(t)
  const missing = await api.change('confirm', '01901632-0000-7000-8000-000000000000')
  t.equal(missing.statusCode, 404)
  t.match(missing.json(), { type: 'urn:problem:not-found' })
  t.equal((await api.change('confirm', 'no-uuid')).statusCode, 400)
  t.equal((await api.change('explode', '01901632-0000-7000-8000-000000000000')).statusCode, 404)
  t.same(await api.evidence.counts(), { orders: 0, events: 0, keys: 0 })
})

t.test('of many concurrent equal changes one takes effect', async (t) => {
  const api = await orderApi(t)
  const { id } = orderOf(await api.create())
  const responses = await Promise.all(Array.from({ length: 20 }, () => api.change('confirm', id)))
  t.same(responses.map(({ statusCode }) => statusCode).sort(), [200, ...Array.from({ length: 19 }, () => 409)])
  t.same((await api.evidence.events(id)).map(({ event_type: type }) => type), ['OrderCreated', 'OrderConfirmed'])
})

t.test('concurrent changes of one order, on two replicas, give a valid history without gaps', async (t) => {
  const database = await testDatabase(t, { service: 'order-api' })
  const one = await orderApi(t, { database })
  const other = await orderApi(t, { database })
  const orders = await Promise.all(Array.from({ length: 8 }, async () => orderOf(await one.create())))
  const actions: Action[] = ['confirm', 'ship', 'deliver', 'cancel']
  // Until no order can change any more. Each round sends every action concurrently, and at least one of them is possible for
  // each order.
  for (let round = 0; round < 4; round++) {
    const results = await Promise.all(orders.flatMap(({ id }) => actions.map(async (action, index) => (await (index % 2 === 0 ? one : other).change(action, id)).statusCode)))
    t.same(results.filter((status) => status !== 200 && status !== 409), [])
  }
  for (const { id } of orders) {
    const statuses = (await one.evidence.events(id)).map(({ event_type: type }) => type)
    t.match(statuses.join(), /^OrderCreated(,OrderConfirmed)?(,OrderCancelled|(?<=Confirmed),OrderShipped,OrderDelivered)$/, 'a history that the transitions allow')
  }
  await one.evidence.assertWhole(t)
})
