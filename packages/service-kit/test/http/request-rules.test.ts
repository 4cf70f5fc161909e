import { createHealth, createHttpApp, createLogger, createMetrics, createOpsServer } from '@orders/service-kit'
import type { HTTPMethods, InjectOptions } from 'fastify'
import { Type } from 'typebox'
import t, { type Test } from 'tap'

async function build (t: Test) {
  const health = createHealth()
  const { registry } = createMetrics({ service: 'test' })
  const app = await createHttpApp({ logger: createLogger({ name: 'test', level: 'silent' }), health, registry, bodyLimitBytes: 100 })
  app.get('/things', async () => [])
  app.post('/things', { schema: { body: Type.Object({ n: Type.Integer() }) } }, async ({ body }) => body)
  app.get('/things/:id', async () => ({}))
  app.post('/things/:id/take', async ({ body }) => ({ body: body ?? null }))
  app.get('/numbers', {
    schema: {
      querystring: Type.Object({
        limit: Type.Optional(Type.Integer()), factor: Type.Optional(Type.Number()), all: Type.Optional(Type.Boolean()), name: Type.Optional(Type.String())
      }, { additionalProperties: false })
    }
  }, async ({ query }) => query)
  app.get('/numbers/:n', { schema: { params: Type.Object({ n: Type.Integer() }) } }, async ({ params }) => params)
  t.teardown(() => app.close())
  return { app, health, registry }
}

const problem = (type: string) => ({ type: `urn:problem:${type}` })

t.test('a known path with another method: 405 with Allow', async (t) => {
  const { app, health, registry } = await build(t)
  const cases: Array<[method: HTTPMethods, url: string, allow: string]> = [
    ['PUT', '/things', 'GET, HEAD, POST'], ['DELETE', '/things?a=b', 'GET, HEAD, POST'], ['OPTIONS', '/things', 'GET, HEAD, POST'],
    ['PATCH', '/things/7', 'GET, HEAD'], ['POST', '/things/7', 'GET, HEAD'], ['GET', '/things/7/take', 'POST'], ['HEAD', '/things/7/take', 'POST'],
    ['TRACE', '/things', 'GET, HEAD, POST']
  ]
  for (const [method, url, allow] of cases) {
    const answer = await app.inject({ method: method as 'GET', url })
    t.equal(answer.statusCode, 405, `${method} ${url}`)
    t.equal(answer.headers.allow, allow, `${method} ${url}`)
    if (method !== 'HEAD') t.match(answer.json(), problem('method-not-allowed'))
  }
  const unread = await app.inject({ method: 'PUT', url: '/things', headers: { 'content-type': 'application/json' }, payload: '{no JSON' })
  t.equal(unread.statusCode, 405, 'for any body')
  for (const method of ['GET', 'PUT', 'OPTIONS'] as const) t.equal((await app.inject({ method, url: '/nowhere' })).statusCode, 404)

  const ops = createOpsServer({ health, registry })
  t.teardown(() => ops.close())
  for (const url of ['/livez', '/readyz', '/metrics']) {
    const answer = await ops.inject({ method: 'POST', url })
    t.match([answer.statusCode, answer.headers.allow], [405, 'GET, HEAD'], url)
    t.match(answer.json(), problem('method-not-allowed'))
  }
  t.match((await ops.inject('/nowhere')).json(), problem('not-found'))
})

t.test('requests that a browser sends for another site are refused', async (t) => {
  const { app } = await build(t)
  const take = (headers: Record<string, string>) => app.inject({ method: 'POST', url: '/things/7/take', headers: { host: 'shop.example:8080', ...headers } })
  const refused: Array<Record<string, string>> = [
    { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'same-origin, cross-site' }, { 'sec-fetch-site': 'Same-Origin' },
    { 'sec-fetch-site': '' }, { 'sec-fetch-site': 'cross-site', origin: 'http://shop.example:8080' },
    { origin: 'http://evil.example' }, { origin: 'null' }, { origin: 'http://shop.example' }, { origin: 'http://shop.example:8080.evil.example' }, { origin: '' }
  ]
  for (const headers of refused) {
    const answer = await take(headers)
    t.equal(answer.statusCode, 403, JSON.stringify(headers))
    t.match(answer.json(), problem('cross-site'))
    const read = await app.inject({ url: '/things', headers })
    t.equal(read.statusCode, 200, 'reading changes nothing')
  }
  for (const headers of [{}, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin: 'http://shop.example:8080' }, { origin: 'https://SHOP.example:8080' }]) {
    t.equal((await take(headers)).statusCode, 200, JSON.stringify(headers))
  }
  const form = await app.inject({ method: 'POST', url: '/things', headers: { 'content-type': 'text/plain' }, payload: '{"n":1}' })
  t.equal(form.statusCode, 415, 'a form of an old browser, which sends neither header, is refused by its content type')
})

t.test('a body with an encoding, or another charset than UTF-8, is refused', async (t) => {
  const { app } = await build(t)
  const post = (headers: Record<string, string>, payload: string | undefined = '{"n":1}') =>
    app.inject({ method: 'POST', url: '/things', headers: { 'content-type': 'application/json', ...headers }, payload })
  const refused: Array<Record<string, string>> = [
    { 'content-encoding': 'gzip' }, { 'content-encoding': 'x' }, { 'content-encoding': 'identity, br' }, { 'content-encoding': '' },
    ...['utf-16', 'latin1', '"utf-16"', "'utf-8'", '', '""', 'utf-8; charset=utf-16', 'utf-8 x'].map((charset) => ({ 'content-type': `application/json; charset=${charset}` })),
    { 'content-type': 'application/json;CHARSET=ISO-8859-1' }, { 'content-type': 'application/json; a=b; charset="ut\\f-16"' },
    { 'content-type': 'application/json; charset = utf-16' }
  ]
  for (const headers of refused) {
    const answer = await post(headers)
    t.equal(answer.statusCode, 415, JSON.stringify(headers))
    t.match(answer.json(), problem('unsupported-media-type'))
  }
  t.equal((await post({ 'content-encoding': 'gzip' })).headers['accept-encoding'], 'identity', 'Accept-Encoding names the accepted encoding')
  const taken: Array<Record<string, string>> = [
    { 'content-encoding': 'identity' }, ...['utf-8', 'UTF-8', '"Utf-8"', 'utf8', '"utf\\-8"'].map((charset) => ({ 'content-type': `application/json; charset=${charset}` })),
    { 'content-type': 'application/json; note="; charset=utf-16"' }
  ]
  for (const headers of taken) t.equal((await post(headers)).statusCode, 200, JSON.stringify(headers))
})

t.test('a content type without a body is ignored', async (t) => {
  const { app } = await build(t)
  const take = (request: InjectOptions) => app.inject({ method: 'POST', url: '/things/7/take', ...request })
  for (const type of ['application/json', 'application/json; charset=utf-16', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense']) {
    for (const headers of [{ 'content-type': type }, { 'content-type': type, 'content-length': '0' }, { 'content-type': type, 'content-encoding': 'gzip' }]) {
      const answer = await take({ headers })
      t.equal(answer.statusCode, 200, JSON.stringify(headers))
      t.same(answer.json(), { body: null })
    }
  }
  const missing = await app.inject({ method: 'POST', url: '/things', headers: { 'content-type': 'application/json' } })
  t.match([missing.statusCode, missing.json()], [400, problem('invalid-request')], 'a route that needs a body refuses a request without one')
})

t.test('numbers and booleans have one spelling', async (t) => {
  const { app } = await build(t)
  const refused = [
    ...['1e1', '0x10', '%201', '1%20', '+1', '%2B1', '01', '-0', '', '1.0', '1.', '1_000', '٣', '1n', 'NaN', 'Infinity', 'null', 'true', '9007199254740993', '1%0A', '%001']
      .map((value) => `limit=${value}`),
    'limit=1&limit=2', 'limit=1&limit=1', 'limit[]=1', 'limit',
    ...['1e1', '0x1', '.5', '5.', '1.50', '+1', '', 'NaN', 'Infinity'].map((value) => `factor=${value}`),
    ...['TRUE', 'True', '1', '0', 'yes', '', 'null'].map((value) => `all=${value}`),
    'all=true&all=true', 'name=a&name=b', 'other=1'
  ]
  for (const query of refused) {
    const answer = await app.inject(`/numbers?${query}`)
    t.equal(answer.statusCode, 400, query)
    t.match(answer.json(), { ...problem('invalid-request'), errors: [{ in: 'querystring' }] }, query)
  }
  for (const value of ['1e1', '0x10', '01', '+1', '%201', '1.0']) t.equal((await app.inject(`/numbers/${value}`)).statusCode, 400, value)
  t.same((await app.inject('/numbers?limit=-10&factor=1.5&all=false&name=1e1')).json(), { limit: -10, factor: 1.5, all: false, name: '1e1' })
  t.same((await app.inject('/numbers?limit=0&all=true')).json(), { limit: 0, all: true })
  t.same((await app.inject('/numbers/10')).json(), { n: 10 })
})

t.test('answers forbid content sniffing, and have no headers about TLS', async (t) => {
  const { app, health, registry } = await build(t)
  const ops = createOpsServer({ health, registry })
  t.teardown(() => ops.close())
  const answers = [
    await app.inject('/things'), await app.inject('/nowhere'), await app.inject('/%zz'), await app.inject({ method: 'PUT', url: '/things' }),
    await ops.inject('/livez'), await ops.inject('/nowhere')
  ]
  for (const { headers } of answers) {
    t.equal(headers['x-content-type-options'], 'nosniff')
    t.notOk(headers['strict-transport-security'], 'HSTS is up to the gateway')
    t.notOk(headers.server)
    t.notOk(headers['x-powered-by'])
  }
})
