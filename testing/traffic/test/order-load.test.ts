import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { isFinal } from '../order-client.ts'
import { OrderLoad } from '../order-load.ts'

t.test('a change is not repeated after a status conflict, and is repeated while it is in progress', async (t) => {
  const tries = new Map<string, number>()
  const api = createServer((request, response) => {
    const path = request.url ?? ''
    const count = (tries.get(path) ?? 0) + 1
    tries.set(path, count)
    const answer = (status: number, body: object) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (path === '/orders') answer(201, { id: String(count), version: 1, status: 'PENDING' })
    // The second order's life is a confirmation, the third's a cancellation.
    else if (path.endsWith('/confirm')) answer(409, { type: 'urn:problem:status-conflict' })
    else if (count === 1) answer(409, { type: 'urn:problem:request-in-flight' })
    else answer(200, { id: path.split('/')[2], version: 2, status: 'CANCELLED' })
  })
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  t.teardown(() => api.close())
  const load = new OrderLoad(() => `http://127.0.0.1:${(api.address() as AddressInfo).port}`)
  // A load that repeats a final answer would otherwise go on until the timeout of the file.
  const deadline = AbortSignal.timeout(60_000)
  await load.run({ rate: 1_000, orders: 3, maxInFlight: 1, stopPosting: deadline, giveUp: deadline })
  t.same([...tries], [['/orders', 3], ['/orders/2/confirm', 1], ['/orders/3/cancel', 2]])
  t.same([...load.accepted.values()].map(({ changes }) => changes.map(({ status }) => status)), [['PENDING'], ['PENDING'], ['PENDING', 'CANCELLED']])
  t.match(load, { events: 4, overtaken: 1, requests: 0, unanswered: 0 })
  t.same([...load.refused], [[409, 1]])
})

t.test('only a refusal that no repetition changes is final', async (t) => {
  t.ok(isFinal({ refusedWith: 400, type: 'urn:problem:invalid-request' }))
  t.ok(isFinal({ refusedWith: 409, type: 'urn:problem:status-conflict' }))
  for (const [refusedWith, type] of [[0, undefined], [503, 'urn:problem:overloaded'], [409, 'urn:problem:request-in-flight'], [408, 'urn:problem:request-timeout']] as const) {
    t.notOk(isFinal({ refusedWith, type }), `${refusedWith} ${type}`)
  }
})
