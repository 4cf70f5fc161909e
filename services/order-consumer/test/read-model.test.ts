import { randomUUID } from 'node:crypto'
import t from 'tap'
import { getJson, setUp } from './order-consumer.ts'
import { eventIdOf, lives, orderEvent } from './order-events.ts'

t.test('the read model over HTTP', async (t) => {
  const fixture = await setUp(t)
  const [created, confirmed] = lives(1, 2)
  const many = Array.from({ length: 5 }, () => orderEvent({ customerId: 'customer-2' }))
  if (created === undefined || confirmed === undefined) throw new Error('expected two events')
  await fixture.publish([created, confirmed, ...many])
  const service = await fixture.start()
  await fixture.settled(7)

  t.test('GET /orders/:id: the order and its history', async (t) => {
    t.match(await getJson(`${service.http}/orders/${String(created.key)}`), {
      status: 200,
      body: {
        orderId: created.key,
        customerId: 'customer-1',
        status: 'CONFIRMED',
        version: 2,
        createdAt: created.headers.ce_time,
        updatedAt: confirmed.headers.ce_time,
        history: [
          { version: 1, status: 'PENDING', eventId: eventIdOf(created), occurredAt: created.headers.ce_time },
          { version: 2, status: 'CONFIRMED', eventId: eventIdOf(confirmed), occurredAt: confirmed.headers.ce_time }
        ]
      }
    })
  })

  t.test('GET /customers/:id/orders: in pages, newest first, each order once', async (t) => {
    const found: unknown[] = []
    const sizes: number[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const { status, body } = await getJson(`${service.http}/customers/customer-2/orders?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
      t.equal(status, 200)
      const page = body as { orders: Array<{ orderId: string }>, nextCursor: string | null }
      sizes.push(page.orders.length)
      found.push(...page.orders.map(({ orderId }) => orderId))
      cursor = page.nextCursor
    }
    t.same(sizes, [2, 2, 1])
    t.same(found, many.map(({ key }) => key).sort().reverse())
    t.match(await getJson(`${service.http}/customers/nobody/orders`), { status: 200, body: { orders: [], nextCursor: null } })
  })

  t.test('GET /stats', async (t) => {
    t.same((await getJson(`${service.http}/stats`)).body, {
      orders: 6, byStatus: { CONFIRMED: 1, PENDING: 5 }, applied: 7, duplicates: 0, gaps: 0, deadLetters: 0
    })
  })

  t.test('errors are problems', async (t) => {
    const problems: Array<[string, number, string]> = [
      [`/orders/${randomUUID()}`, 404, 'not-found'],
      ['/orders/7', 400, 'invalid-request'],
      [`/orders/urn:uuid:${randomUUID()}`, 400, 'invalid-request'],
      ['/orders/', 400, 'invalid-request'],
      ['/nothing', 404, 'not-found'],
      ['/customers/%00/orders', 400, 'invalid-request'],
      [`/customers/${'c'.repeat(101)}/orders`, 414, 'invalid-request'],
      ['/customers/c/orders?limit=0', 400, 'invalid-request'],
      ['/customers/c/orders?limit=201', 400, 'invalid-request'],
      ['/customers/c/orders?limit=x', 400, 'invalid-request'],
      ['/customers/c/orders?cursor=x', 400, 'invalid-request'],
      ['/customers/c/orders?page=2', 400, 'invalid-request']
    ]
    for (const [path, status, type] of problems) {
      t.match(await getJson(service.http + path), { status, type: /problem\+json/, body: { type: `urn:problem:${type}`, status } }, path)
    }
  })
})
