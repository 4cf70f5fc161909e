import t from 'tap'
import { orderApi, orderOf, type OrderApi } from './order-api.ts'
import type { Order } from '../src/schemas/order.ts'

interface Page {
  orders: Order[]
  nextCursor: string | null
}

async function page (api: OrderApi, query: Record<string, string>): Promise<Page> {
  const response = await api.request({ url: `/orders?${new URLSearchParams(query)}` })
  return response.json()
}

async function walk (api: OrderApi, query: Record<string, string>, onPage: () => Promise<unknown> = async () => {}): Promise<Order[]> {
  const orders: Order[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const { orders: more, nextCursor }: Page = await page(api, cursor === '' ? query : { ...query, cursor })
    orders.push(...more)
    if (orders.length > 100) throw new Error('expected the pages to end, found more orders than there are')
    cursor = nextCursor
    await onPage()
  }
  return orders
}

t.test('an order is found by its id in upper and lower case', async (t) => {
  const api = await orderApi(t)
  const order = orderOf(await api.create())
  t.same(orderOf(await api.request({ url: `/orders/${order.id}` })), order)
  t.same(orderOf(await api.request({ url: `/orders/${order.id.toUpperCase()}` })), order)
})

t.test('an invalid id is refused before it reaches the database; an unknown id is not found', async (t) => {
  const api = await orderApi(t)
  const cases: Array<[string, number]> = [
    ['01901632-0000-7000-8000-000000000000', 404],
    ['', 400], ['1', 400], ['null', 400], ['01901632000070008000000000000000', 400], ['01901632-0000-7000-8000-00000000000g', 400],
    // RFC 4122 and the JSON Schema format allow this form. Postgres does not.
    ['urn:uuid:01901632-0000-7000-8000-000000000000', 400],
    ['%7B01901632-0000-7000-8000-000000000000%7D', 400],
    ['01901632-0000-7000-8000-000000000000%00', 400], ["'%20OR%201=1--", 400], ['%E2%98%83', 400],
    ['x'.repeat(500), 414]
  ]
  for (const [id, status] of cases) {
    const response = await api.request({ url: `/orders/${id}` })
    t.equal(response.statusCode, status, id.slice(0, 60))
  }
})

t.test('an empty list is a page', async (t) => {
  const api = await orderApi(t)
  t.same(await page(api, {}), { orders: [], nextCursor: null })
})

t.test('all pages together contain each order once, newest first, for every page size', async (t) => {
  const api = await orderApi(t)
  const created: Order[] = []
  for (let index = 0; index < 13; index++) created.push(orderOf(await api.create({ customerId: `customer-${index % 3}` })))
  const newestFirst = created.toReversed()
  for (const limit of ['1', '2', '12', '13', '14', '200']) t.same(await walk(api, { limit }), newestFirst, `limit ${limit}`)
  t.same(await walk(api, {}), newestFirst, 'without a limit')
  const { orders, nextCursor } = await page(api, { limit: '13' })
  t.equal(orders.length, 13)
  t.equal(nextCursor, null, 'an exactly full page is the last one')

  t.same(await walk(api, { limit: '2', customerId: 'customer-1' }), newestFirst.filter(({ customerId }) => customerId === 'customer-1'))
  t.same(await walk(api, { customerId: 'customer' }), [], 'a customer is not a prefix')
})

t.test('new and changed orders do not disturb a walk through the pages', async (t) => {
  const api = await orderApi(t)
  const created: Order[] = []
  for (let index = 0; index < 9; index++) created.push(orderOf(await api.create()))
  let turn = 0
  const seen = await walk(api, { limit: '2' }, async () => {
    await api.create()
    await api.change('confirm', created[turn++ % created.length]?.id ?? '')
  })
  t.same(seen.map(({ id }) => id), created.toReversed().map(({ id }) => id))
})

t.test('invalid limits and cursors are refused', async (t) => {
  const api = await orderApi(t)
  for (let index = 0; index < 3; index++) await api.create()
  const cursor = (await page(api, { limit: '1' })).nextCursor ?? ''
  t.ok(cursor)
  t.notMatch(Buffer.from(cursor, 'base64').toString('latin1'), /customer/)
  const encoded = (text: string) => Buffer.from(text).toString('base64url')
  const bad = [
    'limit=0', 'limit=-1', 'limit=201', 'limit=1.5', 'limit=x', 'limit=', 'limit=true', 'limit=1&limit=2', 'limit=9999999999999999999999',
    'cursor=', 'cursor=x', `cursor=${cursor}x`, `cursor=${cursor}=`, `cursor=${cursor.slice(1)}`, `cursor=${cursor}&cursor=${cursor}`, `cursor=%20${cursor}`,
    `cursor=${encoded('01901632-0000-7000-8000-00000000000')}`, `cursor=${encoded("' OR 1=1 --")}`, `cursor=${encoded('urn:uuid:01901632-0000-7000-8000-000000000000')}`,
    `cursor=${'x'.repeat(5_000)}`, 'cursor=%00', 'customerId=', 'customerId=a%00b', 'customerId=a&customerId=b', `customerId=${'x'.repeat(101)}`,
    'page=2', '__proto__=1', 'constructor=1', 'customerId[a]=b'
  ]
  for (const query of bad) {
    const response = await api.request({ url: `/orders?${query}` })
    t.equal(response.statusCode, 400, query.slice(0, 80))
    t.match(response.json(), { type: 'urn:problem:invalid-request' })
  }
})
