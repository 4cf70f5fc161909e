import { createHealth, createHttpApp, createLogger, createMetrics, createOpsServer } from '@orders/service-kit'
import { until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { listen, open, parse, talk } from './raw-http.ts'

async function servers (t: Test): Promise<{ http: number, ops: number, release: () => void }> {
  const { registry } = createMetrics({ service: 'test' })
  const health = createHealth()
  const app = await createHttpApp({ logger: createLogger({ name: 'test', level: 'silent' }), health, registry, bodyLimitBytes: 100 })
  let release = () => {}
  const held = new Promise<void>((resolve) => { release = resolve })
  app.get('/orders/:id', async () => 'an order')
  app.post('/orders', async () => 'an order')
  app.get('/slow', async () => { await held; return 'at last' })
  return { http: await listen(t, app), ops: await listen(t, createOpsServer({ health, registry })), release }
}

t.test('errors before any route get a problem too, on both ports', async (t) => {
  const { http, ops } = await servers(t)
  const end = 'Host: test\r\nConnection: close\r\n\r\n'
  const cases: Array<[name: string, request: string, status: number, type?: string]> = [
    ['a URL that cannot be decoded', `GET /livez%zz HTTP/1.1\r\n${end}`, 400],
    ['a URL of another host than the header', `GET http://other/livez HTTP/1.1\r\n${end}`, 400],
    ['a URL with a host, and a header without', 'GET http://test/livez HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n', 400],
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['another method than there is', `ORDER /livez HTTP/1.1\r\n${end}`, 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a version that there is not', `GET /livez HTTP/9.9\r\n${end}`, 400],
    ['two lengths', `POST /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n${end}`, 400],
    ['headers that are too long', `GET /livez HTTP/1.1\r\nX-Pad: ${'a'.repeat(20_000)}\r\n${end}`, 431],
    ['chunk extensions that are too long', `POST /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${end}1;${'a'.repeat(20_000)}\r\n`, 413, 'body-too-large'],
    ['no host', 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['two hosts', `GET /livez HTTP/1.1\r\nHost: other\r\n${end}`, 400],
    ['the same host twice', `GET /livez HTTP/1.1\r\nhost: test\r\n${end}`, 400],
    ['a host that is a path', 'GET /livez HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n', 400],
    ['a host that is two', 'GET /livez HTTP/1.1\r\nHost: a, b\r\nConnection: close\r\n\r\n', 400],
    ['a host with a user', 'GET /livez HTTP/1.1\r\nHost: a@b\r\nConnection: close\r\n\r\n', 400],
    ['an expectation', `GET /livez HTTP/1.1\r\nExpect: x\r\n${end}`, 417],
    ['two expectations', `GET /livez HTTP/1.1\r\nExpect: 100-continue, x\r\n${end}`, 417],
    ['two content types', `POST /livez HTTP/1.1\r\nContent-Type: application/json\r\nContent-Type: text/plain\r\n${end}`, 400],
    ['CONNECT', `CONNECT example.com:443 HTTP/1.1\r\n${end}`, 400],
    ['an upgrade to nowhere', `GET /nowhere HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n${end}`, 404, 'not-found'],
    ['a method that no route has', `PROPFIND /nowhere HTTP/1.1\r\n${end}`, 404, 'not-found']
  ]
  for (const [server, port] of [['http', http], ['ops', ops]] as const) {
    for (const [name, request, status, type = 'invalid-request'] of cases) {
      const answer = parse(await talk(t, port, request))
      t.equal(answer.status, status, `${server}: ${name}`)
      t.match(answer.headers, { 'content-type': /^application\/problem\+json/, 'x-content-type-options': 'nosniff', connection: 'close' }, name)
      t.match(JSON.parse(answer.body), { type: `urn:problem:${type}`, status, title: String, detail: String }, name)
    }
  }
  t.equal(parse(await talk(t, http, `GET /orders/${'a'.repeat(200)} HTTP/1.1\r\n${end}`)).status, 414)
})

t.test('unusual but valid requests are answered', async (t) => {
  const { http, ops } = await servers(t)
  const get = (host: string, version = '1.1', more = '') => talk(t, ops, `GET /livez HTTP/${version}\r\n${host}${more}Connection: close\r\n\r\n`)
  for (const host of ['test', '', 'test:', 'Test.Example:8080', '127.0.0.1:1', '[::1]', '[::1]:80', 'a_b', 'a%20b']) {
    t.equal(parse(await get(`Host: ${host}\r\n`)).status, 200, `Host: ${host}`)
  }
  t.equal(parse(await get('', '1.0')).status, 200, 'HTTP/1.0 needs no host')
  t.equal(parse(await get('Host: test\r\n', '1.1', 'Upgrade: h2c\r\n')).status, 200, 'an upgrade is not taken up')
  const post = 'POST /orders HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nConnection: close\r\n'
  t.match(await talk(t, http, `${post}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`), /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/)
  t.equal(parse(await talk(t, http, 'GET http://test/orders/1 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')).status, 200, 'a whole URL')
})

t.test('an error behind a request in flight is not taken for its answer', async (t) => {
  const { http, release } = await servers(t)
  const socket = open(t, http)
  let text = ''
  socket.on('data', (chunk: string) => { text += chunk })
  const ended = new Promise((resolve) => { socket.once('close', resolve) })
  socket.write('GET /slow HTTP/1.1\r\nHost: test\r\n\r\nGET /orders/1 HTTP/1.1\r\nHost: test\r\n\r\nno HTTP\r\n\r\n')
  // When a later connection was served, the server has read all of this one.
  await until(async () => parse(await talk(t, http, 'GET /orders/1 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')).status === 200, { what: 'the server to have read it' })
  t.equal(text, '', 'nothing is sent before the first request is answered')
  release()
  await ended
  t.match(text, /^HTTP\/1.1 200 OK[^]*at last/)
  t.notMatch(text, / 400 /, 'and what was wrong gets no answer that could be taken for another one\'s')
})

t.test('a client that closes its side after its requests gets every answer, and then the connection ends', async (t) => {
  const { http, release } = await servers(t)
  const socket = open(t, http)
  const ended = until(() => socket.closed, { what: 'the server to close its side too' })
  let text = ''
  socket.on('data', (chunk) => { text += String(chunk) })
  socket.end('GET /slow HTTP/1.1\r\nHost: test\r\n\r\nGET /orders/1 HTTP/1.1\r\nHost: test\r\n\r\n')
  // Answered only after the server has seen the end.
  await talk(t, http, 'GET /orders/1 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
  release()
  await ended
  t.match(text, /at last[^]*an order/)

  const idle = open(t, http)
  const closed = until(() => idle.closed, { what: 'an idle connection to close' })
  idle.resume().end()
  await closed
})

t.test('a request whose target is a whole URL is answered like any other', async (t) => {
  const { http, ops } = await servers(t)
  t.match(parse(await talk(t, http, 'GET http://test/orders/1?a=b HTTP/1.1\r\nHost: Test\r\nConnection: close\r\n\r\n')), { status: 200, body: 'an order' })
  t.equal(parse(await talk(t, ops, 'GET http://test/livez HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')).status, 200)
})
