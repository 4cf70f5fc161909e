import { createHealth, createHttpApp, createLogger, createMetrics, createOpsServer, ProblemError } from '@orders/service-kit'
import type { InjectOptions } from 'fastify'
import { Type } from 'typebox'
import t, { type Test } from 'tap'

async function build (t: Test) {
  const health = createHealth()
  const { registry } = createMetrics({ service: 'test' })
  const app = await createHttpApp({ logger: createLogger({ name: 'test', level: 'silent' }), health, registry, bodyLimitBytes: 100 })
  app.post('/things', { schema: { body: Type.Object({ n: Type.Integer() }, { additionalProperties: false }) } }, async ({ body }) => body)
  app.get('/page', { schema: { querystring: Type.Object({ limit: Type.Integer({ maximum: 5 }) }) } }, async ({ query }) => query)
  app.get('/conflict', async () => { throw new ProblemError(409, 'status-conflict', 'it is taken', { retryAfter: 3, extensions: { by: 'me' } }) })
  app.get('/broken', async () => { throw new Error('password=secret') })
  app.get('/away', async () => { throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) })
  app.get('/cancelled', async () => { throw Object.assign(new Error('canceling statement'), { code: '57014' }) })
  t.teardown(() => app.close())
  return { app, health, registry }
}

const json = { 'content-type': 'application/json' }

t.test('every error is a problem', async (t) => {
  const { app } = await build(t)
  const cases: Array<[string, InjectOptions, number, string]> = [
    ['unknown route', { url: '/nowhere' }, 404, 'not-found'],
    ['wrong type', { method: 'POST', url: '/things', payload: { n: '1' } }, 400, 'invalid-request'],
    ['coercible true', { method: 'POST', url: '/things', payload: { n: true } }, 400, 'invalid-request'],
    ['coercible array', { method: 'POST', url: '/things', payload: { n: [1] } }, 400, 'invalid-request'],
    ['unknown field', { method: 'POST', url: '/things', payload: { n: 1, m: 2 } }, 400, 'invalid-request'],
    ['__proto__', { method: 'POST', url: '/things', headers: json, payload: '{"n":1,"__proto__":{"a":1}}' }, 400, 'invalid-request'],
    ['a member twice', { method: 'POST', url: '/things', headers: json, payload: '{"n":1,"n":1}' }, 400, 'invalid-request'],
    ['a member twice, written otherwise', { method: 'POST', url: '/things', headers: json, payload: '{"n":1, "\\u006e" :2}' }, 400, 'invalid-request'],
    ['a member twice, deep inside', { method: 'POST', url: '/things', headers: json, payload: '{"n":[{"m":"{"},{"m":1,"o":{},"m":2}]}' }, 400, 'invalid-request'],
    ['malformed JSON', { method: 'POST', url: '/things', headers: json, payload: '{"n":' }, 400, 'invalid-request'],
    ['no body', { method: 'POST', url: '/things' }, 400, 'invalid-request'],
    ['no body, though a chunked one', { method: 'POST', url: '/things', headers: { ...json, 'transfer-encoding': 'chunked' } }, 400, 'invalid-request'],
    ['too large', { method: 'POST', url: '/things', payload: { n: 1, pad: 'x'.repeat(200) } }, 413, 'body-too-large'],
    ['text', { method: 'POST', url: '/things', headers: { 'content-type': 'text/plain' }, payload: 'n=1' }, 415, 'unsupported-media-type'],
    ['thrown problem', { url: '/conflict' }, 409, 'status-conflict'],
    ['defect', { url: '/broken' }, 500, 'internal'],
    ['outage', { url: '/away' }, 503, 'unavailable'],
    ['query above its maximum', { url: '/page?limit=6' }, 400, 'invalid-request'],
    ['query that is no number', { url: '/page?limit=x' }, 400, 'invalid-request']
  ]
  for (const [name, request, status, type] of cases) {
    const response = await app.inject(request)
    t.equal(response.statusCode, status, name)
    t.match(response.headers['content-type'], /^application\/problem\+json/, name)
    t.match(response.json(), { type: `urn:problem:${type}`, status, title: String, detail: String, instance: String, requestId: String }, name)
  }
})

t.test('an expected failure is one short log line, a defect has its stack', async (t) => {
  const lines: Array<{ level: string, status: number, err: { message: string, stack?: string } }> = []
  const { app } = await build(t)
  app.addHook('onRequest', async (request) => {
    const note = (level: string) => (fields: object) => { lines.push({ level, ...fields } as typeof lines[number]) }
    request.log = Object.assign(Object.create(request.log), { info: note('info'), warn: note('warn'), error: note('error') })
  })
  for (const url of ['/conflict', '/cancelled', '/broken']) await app.inject(url)
  t.match(lines.map(({ level, status, err }) => [level, status, err.message, err.stack !== undefined]), [
    ['info', 409, 'it is taken', false], ['warn', 503, 'canceling statement', false], ['error', 500, 'password=secret', true]
  ])
})

t.test('a duplicate member is named; the same name in two objects, or as a value, is not a duplicate', async (t) => {
  const { app } = await build(t)
  const post = (payload: string) => app.inject({ method: 'POST', url: '/things', headers: json, payload })
  t.match((await post('{"a":1,"n":1,"a":2}')).json(), { detail: /"a" twice/ })
  for (const value of ['{"m":{"m":1}}', '["m","m"]', '[{"m":1},{"m":1}]', '"\\"m\\":1,\\"n\\":"', '{"m":"m","o":"m"}']) {
    t.match((await post(`{"n":${value}}`)).json(), { detail: /must be integer/ }, value)
  }
})

t.test('a problem names the field, its own members and Retry-After; a defect discloses nothing', async (t) => {
  const { app } = await build(t)
  t.match((await app.inject({ method: 'POST', url: '/things', payload: { n: 'x' } })).json(), { errors: [{ in: 'body', pointer: '/n', detail: 'must be integer' }] })
  t.match((await app.inject({ method: 'POST', url: '/things', payload: { n: 1, m: 1 } })).json(), { errors: [{ pointer: '/m' }] })
  t.match((await app.inject({ method: 'POST', url: '/things', payload: { n: 1, 'a/b~c': 1 } })).json(), { errors: [{ pointer: '/a~1b~0c' }] })
  t.match((await app.inject({ method: 'POST', url: '/things', payload: {} })).json(), { errors: [{ pointer: '/n', detail: /required/ }] })
  const conflict = await app.inject('/conflict')
  t.equal(conflict.headers['retry-after'], '3')
  t.match(conflict.json(), { by: 'me' })
  t.equal((await app.inject('/away')).headers['retry-after'], '1')
  t.notMatch((await app.inject('/broken')).payload, /secret/)
})

t.test('numbers are parsed from the text of a URL', async (t) => {
  const { app } = await build(t)
  t.same((await app.inject('/page?limit=5')).json(), { limit: 5 })
})

t.test('while draining, answers end their connections and /readyz fails', async (t) => {
  const { app, health, registry } = await build(t)
  const ops = createOpsServer({ health, registry })
  t.teardown(() => ops.close())
  t.equal((await app.inject('/nowhere')).headers.connection, 'keep-alive')
  t.equal((await ops.inject('/readyz')).statusCode, 200)
  health.draining = true
  t.equal((await app.inject('/nowhere')).headers.connection, 'close')
  t.equal((await ops.inject('/readyz')).statusCode, 503)
  t.equal((await ops.inject('/livez')).statusCode, 200)
})

t.test('a failing check is named; a check that hangs has failed', async (t) => {
  const { health, registry } = await build(t)
  const ops = createOpsServer({ health, registry })
  t.teardown(() => ops.close())
  health.addReadiness('postgres', () => { throw new Error('connection refused') })
  health.addReadiness('kafka', () => new Promise(() => {}))
  const response = await ops.inject('/readyz')
  t.equal(response.statusCode, 503)
  t.match(response.json(), { failures: [{ check: 'postgres', reason: 'connection refused' }, { check: 'kafka', reason: /no answer/ }] })
  t.equal((await ops.inject('/livez')).statusCode, 200, 'liveness does not depend on other services')
  t.match((await ops.inject('/metrics')).payload, /process_cpu_seconds_total/)
})
