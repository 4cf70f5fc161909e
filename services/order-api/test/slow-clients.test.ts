import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { OrderApiClient } from './order-api-client.ts'
import { orderApi } from './order-api.ts'

const HALF_A_HEADER = 'POST /orders HTTP/1.1\r\nHost: x\r\nContent-Ty'
const HALF_A_BODY = 'POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{"customer'
const NOTHING = ''

t.test('a hundred clients with unfinished requests do not block other clients, and are disconnected', async (t) => {
  const api = await orderApi(t, { env: { DATABASE_POOL_SIZE: '2' } })
  const http = await api.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = api.app.server.address() as { port: number }
  const open = new Set<Socket>()
  t.teardown(() => { for (const socket of open) socket.destroy() })
  await Promise.all(Array.from({ length: 100 }, async (_, index) => {
    const socket = connect(port, '127.0.0.1')
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => { open.delete(socket) })
    socket.resume()
    await once(socket, 'connect')
    socket.write([HALF_A_HEADER, HALF_A_BODY, NOTHING][index % 3] ?? '')
  }))

  const client = new OrderApiClient(t, { http })
  const answers = await Promise.all(Array.from({ length: 20 }, () => client.create()))
  t.same(answers.filter(({ status }) => status !== 201), [])
  t.equal((await client.request('GET', '/orders')).status, 200)
  t.equal(open.size, 100, 'all of it while every slow connection was open')
  t.equal(api.app.pg.pool.totalCount - api.app.pg.pool.idleCount, 0, 'none of them holds a connection to the database')

  await until(() => open.size === 0, { what: 'the unfinished connections to be closed', deadlineMs: 60_000 })
  t.same(await api.evidence.counts(), { orders: 20, events: 20, keys: 0 }, 'unfinished requests stored nothing')
})
