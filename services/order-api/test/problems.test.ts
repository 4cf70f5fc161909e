import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import type { HTTPMethods } from 'fastify'
import { orderApi } from './order-api.ts'

t.test('an unknown path is 404; a known path with another method is 405 with Allow', async (t) => {
  const api = await orderApi(t)
  const id = '01901632-0000-7000-8000-000000000000'
  const requests: Array<[method: HTTPMethods, url: string, allow?: string]> = [
    ['GET', '/'], ['GET', '/order'], ['GET', '/ORDERS'], ['GET', '//orders'], ['GET', `/orders/${id}/`], ['GET', '/.env'], ['GET', '/metrics'],
    ['GET', '/readyz'], ['POST', `/orders/${id}/confirm/now`], ['DELETE', '/nowhere'], ['OPTIONS', '/nowhere'],
    ['GET', `/orders/${id}/confirm`, 'POST'], ['PUT', `/orders/${id}/cancel`, 'POST'], ['POST', `/orders/${id}`, 'GET, HEAD'],
    ['PUT', `/orders/${id}`, 'GET, HEAD'], ['PATCH', `/orders/${id}`, 'GET, HEAD'], ['DELETE', `/orders/${id}`, 'GET, HEAD'],
    ['DELETE', '/orders', 'GET, HEAD, POST'], ['PUT', '/orders', 'GET, HEAD, POST'], ['PATCH', '/orders', 'GET, HEAD, POST'], ['OPTIONS', '/orders', 'GET, HEAD, POST'],
    ['POST', '/docs/json', 'GET, HEAD'], ['PUT', '/docs/static/index.css', 'GET, HEAD']
  ]
  for (const [method, url, allow] of requests) {
    const response = await api.app.inject({ method: method as 'GET', url, ...(method === 'GET' || method === 'OPTIONS' ? {} : { payload: { customerId: 'a' } }) })
    t.equal(response.statusCode, allow === undefined ? 404 : 405, `${method} ${url}`)
    t.equal(response.headers.allow, allow, `${method} ${url}`)
    t.match(response.json(), { type: `urn:problem:${allow === undefined ? 'not-found' : 'method-not-allowed'}`, instance: url })
  }
  t.same(await api.evidence.counts(), { orders: 0, events: 0, keys: 0 })
})

t.test('errors of the static files of /docs are problems too', async (t) => {
  const api = await orderApi(t)
  for (const url of ['/docs/static/nowhere.js', '/docs/static//index.css', '/docs/nowhere', '/docs/static/%00']) {
    const response = await api.app.inject({ url })
    t.ok([400, 404].includes(response.statusCode), `${url}: ${response.statusCode}`)
    t.match(response.headers['content-type'], /^application\/problem\+json/, url)
    t.match(response.json(), { type: /^urn:problem:(not-found|invalid-request)$/, status: response.statusCode }, url)
  }
  for (const headers of [{ 'if-match': '"x"' }, { range: 'bytes=99999999-' }, { 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' }]) {
    const response = await api.app.inject({ url: '/docs/static/index.css', headers })
    if (response.statusCode >= 400) t.match(response.headers['content-type'], /^application\/problem\+json/, JSON.stringify(headers))
  }
})

t.test('a malformed URL is refused', async (t) => {
  const api = await orderApi(t)
  for (const url of ['/%', '/orders/%zz', '/orders/%c3%28', '/%ff', '/orders/%']) {
    const response = await api.request({ url })
    t.equal(response.statusCode, 400, url)
    t.match(response.json(), { type: 'urn:problem:invalid-request' })
  }
})

t.test('a problem discloses no internals, and each one has its own request id', async (t) => {
  const api = await orderApi(t)
  await api.evidence.pool.query('ALTER TABLE orders RENAME COLUMN customer_id TO client_id')
  const response = await api.create()
  t.equal(response.statusCode, 500)
  t.match(response.json(), { type: 'urn:problem:internal', requestId: /^[0-9a-f-]{36}$/ })
  t.notMatch(response.payload, /customer_id|column|postgres/i)
  t.equal((await api.create()).json<{ requestId: string }>().requestId === response.json<{ requestId: string }>().requestId, false)
})

/** Sends the bytes. @returns the whole answer, after the server has closed the connection */
async function talk (t: Test, port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  socket.on('error', () => {})
  let answer = ''
  socket.on('data', (chunk) => { answer += String(chunk) })
  socket.write(bytes)
  await once(socket, 'close')
  return answer
}

t.test('bytes that are not HTTP get a problem too, and the connection is closed', async (t) => {
  const api = await orderApi(t)
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = api.app.server.address() as { port: number }
  const post = 'POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n'
  const cases: Array<[name: string, bytes: string, status: number]> = [
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
    ['headers that are too long', `GET /orders HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['two lengths', `${post}Content-Length: 18\r\nContent-Length: 5\r\n\r\n{"customerId":"a"}`, 400],
    ['a length and chunks', `${post}Content-Length: 18\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a length that is none', `${post}Content-Length: -1\r\n\r\n{"customerId":"a"}`, 400],
    ['a chunk that is none', `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{"customerId":"a"}\r\n0\r\n\r\n`, 400],
    ['a header with NUL', `${post}X: a\0b\r\nContent-Length: 18\r\n\r\n{"customerId":"a"}`, 400],
    ['two keys', `${post}Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 18\r\n\r\n{"customerId":"a"}`, 400],
    ['a key of bytes above ASCII', `${post}Idempotency-Key: \xfc\r\nContent-Length: 18\r\n\r\n{"customerId":"a"}`, 400]
  ]
  for (const [name, bytes, status] of cases) {
    const answer = await talk(t, port, bytes)
    t.match(answer, new RegExp(`^HTTP/1.1 ${status} [^]*content-type: application/problem\\+json[^]*"type":"urn:problem:invalid-request"`, 'i'), name)
  }
  for (const path of ['/docs/static/..', '/docs/static/../../package.json', '/docs/static/%2e%2e/package.json', '/docs/static/./index.css']) {
    t.match(await talk(t, port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`), /^HTTP\/1.1 404 [^]*content-type: application\/problem\+json[^]*"type":"urn:problem:not-found"/i, path)
  }
  t.same(await api.evidence.counts(), { orders: 0, events: 0, keys: 0 })
  t.match(await talk(t, port, `${post}Content-Length: 18\r\n\r\n{"customerId":"a"}`), /^HTTP\/1.1 201 /, 'a valid request is answered')
})
