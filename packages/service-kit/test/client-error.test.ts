import { connect, type AddressInfo } from 'node:net'
import { createHealth, createHttpApp, createLogger, createMetrics } from '@orders/service-kit'
import t, { type Test } from 'tap'

async function listen (t: Test): Promise<number> {
  const { registry } = createMetrics({ service: 'test' })
  const app = await createHttpApp({ logger: createLogger({ name: 'test', level: 'silent' }), health: createHealth(), registry, bodyLimitBytes: 100 })
  app.get('/orders/:id', async () => 'an order')
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return (app.server.address() as AddressInfo).port
}

/** What the server answers to bytes, until it ends the connection. */
async function answer (port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  socket.on('error', () => {})
  socket.write(request)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

t.test('what never becomes a request of a route is answered with a problem, too', async (t) => {
  const port = await listen(t)
  const end = 'Host: test\r\nConnection: close\r\n\r\n'
  const cases: Array<[string, string, number]> = [
    ['a URL that cannot be decoded', `GET /orders/%zz HTTP/1.1\r\n${end}`, 400],
    ['an id that is too long', `GET /orders/${'a'.repeat(200)} HTTP/1.1\r\n${end}`, 414],
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['two lengths', `POST /orders HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n${end}`, 400],
    ['headers that are too long', `GET /orders HTTP/1.1\r\nX-Pad: ${'a'.repeat(20_000)}\r\n${end}`, 431]
  ]
  for (const [name, request, status] of cases) {
    const [head = '', body = ''] = (await answer(port, request)).split('\r\n\r\n')
    t.match(head, new RegExp(`^HTTP/1.1 ${status} `), name)
    t.match(head, /content-type: application\/problem\+json/i, name)
    t.match(JSON.parse(body), { type: 'urn:problem:invalid-request', status, title: String, detail: String }, name)
  }
})
