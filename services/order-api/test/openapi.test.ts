import { readFile } from 'node:fs/promises'
import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { renderOpenApi } from '../../../tools/generate/openapi/render-openapi.ts'
import { openApi } from './described.ts'

t.test('openapi.json matches the routes (npm run openapi)', async (t) => {
  t.equal(await readFile(new URL('../openapi.json', import.meta.url), 'utf8'), await renderOpenApi('order-api'))
})

t.test('it is valid OpenAPI 3.1, with the version of the service', async (t) => {
  const validator = new Validator()
  t.match(await validator.validate(structuredClone(openApi) as unknown as Record<string, unknown>), { valid: true })
  t.equal(validator.version, '3.1')
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  t.equal(openApi.info.version, version)
})

t.test('every operation has an id and describes its problems', async (t) => {
  const operations = Object.entries(openApi.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))
  t.same(operations.map(({ path, method }) => `${method} ${path}`).sort(), [
    'get /orders', 'get /orders/{id}', 'post /orders', 'post /orders/{id}/cancel', 'post /orders/{id}/confirm',
    'post /orders/{id}/deliver', 'post /orders/{id}/ship'
  ])
  for (const { path, method, operation } of operations) {
    t.match(operation, { operationId: /^[a-z]+Orders?$/, summary: String }, `${method} ${path}`)
    const statuses = [
      '400', '500', '503',
      ...(path.includes('{id}') ? ['404', '414'] : []),
      ...(method === 'post' ? ['409', '413', '415', '422'] : [])
    ]
    for (const status of statuses) {
      t.match(operation.responses[status]?.content, { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }, `${method} ${path} ${status}`)
    }
  }
})
