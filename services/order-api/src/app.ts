import helmet from '@fastify/helmet'
import { createHttpApp, overload, poolMetrics, type Health } from '@orders/service-kit'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { OrderApiConfig } from './config.ts'
import committedEvents from './plugins/committed-events.ts'
import database from './plugins/database.ts'
import documentation from './plugins/documentation.ts'
import { changeStatusRoutes } from './routes/change-status.ts'
import { createOrderRoute } from './routes/create-order.ts'
import { getOrderRoute } from './routes/get-order.ts'
import { listOrdersRoute } from './routes/list-orders.ts'
import { orderSchema, problemSchema } from './schemas/order.ts'

const KIBIBYTE = 1_024

export interface AppParts {
  config: OrderApiConfig
  logger: Logger
  health: Health
  registry: Registry
}

export type App = FastifyInstance

/** The HTTP API, complete but not listening. */
export async function buildApp ({ config, logger, health, registry }: AppParts): Promise<App> {
  const app: App = await createHttpApp({ logger, health, registry, bodyLimitBytes: 64 * KIBIBYTE })
  // The service speaks HTTP itself: told to upgrade, a browser would ask for the page's own files by HTTPS, and find none.
  await app.register(helmet, { contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } })
  await app.register(documentation, { page: config.ORDER_API_DOCS })
  await app.register(database, { url: config.DATABASE_URL, poolSize: config.DATABASE_POOL_SIZE, logger })
  await app.register(overload, { pool: app.pg.pool, poolSize: config.DATABASE_POOL_SIZE })
  await app.register(committedEvents, {
    url: config.DATABASE_URL, minIntervalMs: config.ORDER_API_WAKEUP_INTERVAL_MS, registry, logger
  })
  poolMetrics(registry, app.pg.pool)

  app.addSchema(orderSchema)
  app.addSchema(problemSchema)
  await app.register(createOrderRoute)
  await app.register(changeStatusRoutes)
  await app.register(getOrderRoute)
  await app.register(listOrdersRoute)
  return app
}
