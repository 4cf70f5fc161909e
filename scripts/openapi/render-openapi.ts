import { buildApp, loadOrderApiConfig } from '@orders/order-api'
import { createHealth, createLogger, createMetrics } from '@orders/service-kit'

/** The text of services/order-api/openapi.json. The app is built and never listens; nothing connects to the database. */
export async function renderOpenApi (): Promise<string> {
  const app = await buildApp({
    config: loadOrderApiConfig({ DATABASE_URL: 'postgres://localhost/nobody-connects' }),
    logger: createLogger({ name: 'openapi', level: 'warn' }),
    health: createHealth(),
    registry: createMetrics({ service: 'order-api' }).registry
  })
  try {
    await app.ready()
    return `${JSON.stringify(app.swagger(), null, 2)}\n`
  } finally {
    await app.close()
  }
}
