import { readFile } from 'node:fs/promises'
import { Validator } from '@seriousme/openapi-schema-validator'
import { createHealth, createLogger, createMetrics } from '@orders/service-kit'
import t, { type Test } from 'tap'
import { openApiFile, renderOpenApi } from '../../../tools/generate/openapi/render-openapi.ts'
import { buildApp } from '../src/app.ts'
import { loadConsumerConfig } from '../src/config.ts'

interface Document {
  info: { version: string }
  paths: Record<string, Record<string, { operationId: string, responses: Record<string, { content: object }> }>>
}

const text = await readFile(openApiFile('order-consumer'), 'utf8')
const openApi = JSON.parse(text) as Document

/** Does not connect to a server. */
async function app (t: Test, env: Record<string, string> = {}) {
  const app = await buildApp({
    config: loadConsumerConfig({ DATABASE_URL: 'postgres://localhost/nobody-connects', KAFKA_BROKERS: 'localhost:9092', ...env }),
    logger: createLogger({ name: 'test', level: 'silent' }),
    health: createHealth(),
    registry: createMetrics({ service: 'test' }).registry
  })
  t.teardown(() => app.close())
  return app
}

t.test('openapi.json matches the routes (npm run openapi), and is valid OpenAPI 3.1', async (t) => {
  t.equal(text, await renderOpenApi('order-consumer'))
  const validator = new Validator()
  t.match(await validator.validate(structuredClone(openApi) as unknown as Record<string, unknown>), { valid: true })
  t.equal(validator.version, '3.1')
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  t.equal(openApi.info.version, version)
})

t.test('every operation has an id and describes its problems', async (t) => {
  t.same(Object.keys(openApi.paths).sort(), ['/customers/{id}/orders', '/orders/{id}', '/stats'])
  for (const [path, { get }] of Object.entries(openApi.paths)) {
    for (const status of ['400', '500', '503', ...(path.includes('{id}') ? ['414'] : [])]) {
      t.match(get?.responses[status]?.content, { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }, `${path} ${status}`)
    }
  }
})

t.test('/docs serves it, unless CONSUMER_DOCS=false; the security headers are those of order-api', async (t) => {
  const served = await app(t)
  t.same((await served.inject('/docs/json')).json(), openApi)
  const { headers } = await served.inject('/nowhere')
  t.equal(headers['x-content-type-options'], 'nosniff')
  t.match(headers['content-security-policy'], /default-src 'self'/)
  t.notOk(headers['strict-transport-security'])
  t.equal((await (await app(t, { CONSUMER_DOCS: 'false' })).inject('/docs/json')).statusCode, 404)
})
