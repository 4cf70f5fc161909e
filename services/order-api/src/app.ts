import { createHttpApp, createPool, overload, poolMetrics, type Health } from '@orders/service-kit'
import { documentation } from '@orders/service-kit/documentation'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { OrderApiConfig } from './config.ts'
import committedEvents from './plugins/committed-events.ts'
import database from './plugins/database.ts'
import { changeStatusRoutes } from './routes/change-status.ts'
import { createOrderRoute } from './routes/create-order.ts'
import { getOrderRoute } from './routes/get-order.ts'
import { listOrdersRoute } from './routes/list-orders.ts'
import { orderSchema } from './orders/schema.ts'

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
  const app: App = await createHttpApp({ logger, health, registry, bodyLimitBytes: 64 * KIBIBYTE, shutdownDelayMs: config.SHUTDOWN_DELAY_MS })
  await app.register(documentation, {
    title: 'order-api',
    version: '0.1.0',
    description: 'Orders, written with their events in one transaction.',
    tags: [{ name: 'orders', description: 'Orders and their changes.' }],
    page: config.ORDER_API_DOCS
  })
  await app.register(database, { url: config.DATABASE_URL, poolSize: config.DATABASE_POOL_SIZE, logger })
  await app.register(committedEvents, {
    url: config.DATABASE_URL, minIntervalMs: config.ORDER_API_WAKEUP_INTERVAL_MS, registry, logger
  })
  const reads = createPool({ url: config.DATABASE_URL, applicationName: 'order-api reads', max: config.ORDER_API_READ_POOL_SIZE, logger })
  app.addHook('onClose', () => reads.end())
  app.outages?.watch(app.pg.pool)
  app.outages?.watch(reads)
  poolMetrics(registry, { writes: app.pg.pool, reads })

  app.addSchema(orderSchema)
  // Connections and queues of their own: however many read, and however slowly, orders are taken.
  await app.register(async (writing) => {
    await writing.register(overload, { pool: app.pg.pool, poolSize: config.DATABASE_POOL_SIZE })
    await writing.register(createOrderRoute)
    await writing.register(changeStatusRoutes)
  })
  await app.register(async (reading) => {
    await reading.register(overload, { pool: reads, poolSize: config.ORDER_API_READ_POOL_SIZE })
    await reading.register(getOrderRoute, { pool: reads })
    await reading.register(listOrdersRoute, { pool: reads })
  })
  return app
}
