import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CommandError, runCommand } from '@orders/testing/servers'
import { testDatabase } from '@orders/testing/framework'
import { buildApp as buildOrderApi, loadOrderApiConfig } from '@orders/order-api'
import { buildApp as buildOrderConsumer, loadConsumerConfig } from '@orders/order-consumer'
import { createHealth, createLogger, createMetrics } from '@orders/service-kit'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { openApiFile, type DocumentedService } from '../tools/generate/openapi/render-openapi.ts'
import { installSchemathesis } from './schemathesis/install.ts'

const CONFIG = fileURLToPath(new URL('schemathesis/config.toml', import.meta.url))
const REQUEST_TIMEOUT_S = 30

async function listen (t: Test, app: FastifyInstance): Promise<string> {
  t.teardown(() => app.close())
  return app.listen({ host: '127.0.0.1', port: 0 })
}

async function parts (t: Test, service: DocumentedService) {
  const { url } = await testDatabase(t, { service })
  return {
    DATABASE_URL: url(service.replace('-', '_')),
    logger: createLogger({ name: service, level: 'silent' }),
    health: createHealth(),
    registry: createMetrics({ service }).registry
  }
}

function operations (service: DocumentedService): number {
  const { paths } = JSON.parse(readFileSync(openApiFile(service), 'utf8')) as { paths: Record<string, object> }
  return Object.values(paths).flatMap((path) => Object.keys(path)).length
}

const SERVERS: Record<DocumentedService, (t: Test) => Promise<string>> = {
  async 'order-api' (t) {
    const { DATABASE_URL, ...rest } = await parts(t, 'order-api')
    return listen(t, await buildOrderApi({ config: loadOrderApiConfig({ DATABASE_URL }), ...rest }))
  },
  async 'order-consumer' (t) {
    const { DATABASE_URL, ...rest } = await parts(t, 'order-consumer')
    // Kafka is not needed; its address is a required setting.
    return listen(t, await buildOrderConsumer({ config: loadConsumerConfig({ DATABASE_URL, KAFKA_BROKERS: '127.0.0.1:1' }), ...rest }))
  }
}

t.test('both services match their OpenAPI documents for every request (Schemathesis, all checks)', { skip: process.env.SCHEMATHESIS === 'off' && 'SCHEMATHESIS=off' }, async (t) => {
  const schemathesis = await installSchemathesis((line) => { t.comment(line) })
  for (const [service, start] of Object.entries(SERVERS) as Array<[DocumentedService, typeof SERVERS[DocumentedService]]>) {
    await t.test(service, async (t) => {
      const url = await start(t)
      const report = await runCommand(schemathesis.command, [
        ...schemathesis.args, '--config-file', CONFIG, 'run', fileURLToPath(openApiFile(service)), '--url', url, '--checks', 'all',
        '--continue-on-failure', '--request-timeout', String(REQUEST_TIMEOUT_S), '--no-color', '--no-shrink',
        // Checks how fast requests can be generated, which depends on the machine and not on the services.
        '--suppress-health-check', 'all'
      ], { env: schemathesis.env, cwd: t.testdir({}) }).catch((error: unknown) => {
        if (error instanceof CommandError) return error.message
        throw error
      })
      t.notMatch(report, /ended with|FAILURES|ERRORS/, 'no failure')
      t.match(report, new RegExp(`Tested: +${operations(service)}\\b`), 'every operation was tried')
    })
  }
})
