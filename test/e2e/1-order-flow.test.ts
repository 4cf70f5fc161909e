import { until } from '@orders/testing/framework'
import t from 'tap'
import { helm, ORDER_API, ORDER_CONSUMER, release } from './cluster.ts'
import { portForward } from './port-forward.ts'

t.setTimeout(300_000)

t.test('an order goes from the API to the read model, with its changes in order', async (t) => {
  const api = await portForward(t, ORDER_API)
  const readModel = await portForward(t, ORDER_CONSUMER)
  const call = async (url: string, init?: RequestInit) => {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(15_000) })
    if (!response.ok) throw new Error(`${url} answered ${response.status} ${await response.text()}`)
    return await response.json() as { id: string, status: string, history: Array<{ version: number, status: string }> }
  }
  const order = await call(`${api}/orders`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"customerId":"e2e"}' })
  await call(`${api}/orders/${order.id}/confirm`, { method: 'POST' })
  await call(`${api}/orders/${order.id}/ship`, { method: 'POST' })
  const view = await until(async () => {
    const view = await call(`${readModel}/orders/${order.id}`)
    return view.status === 'SHIPPED' ? view : undefined
  }, { what: 'the order to be shipped in the read model', deadlineMs: 60_000 })
  t.same(view.history.map(({ version, status }) => `${version} ${status}`), ['1 PENDING', '2 CONFIRMED', '3 SHIPPED'])
})

t.test('helm test passes', async (t) => {
  t.match(await helm('test', release, '--timeout', '5m'), /Succeeded/)
})
