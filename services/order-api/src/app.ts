import { createHttpApp, createPool, overload, poolMetrics, type Health } from '@orders/service-kit'
import { documentation } from '@orders/service-kit/documentation'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { OrderApiConfig } from './config.ts'
import { orderSchema } from './schemas/order.ts'
import committedEvents from './plugins/committed-events.ts'
import database from './plugins/database.ts'
import { readingRoutes, writingRoutes } from './routes/orders.ts'

const KIBIBYTE = 1_024

export interface AppParts {
  config: OrderApiConfig
  logger: Logger
  health: Health
  registry: Registry
}

/** The HTTP API, complete but not listening. */
export async function buildApp ({ config, logger, health, registry }: AppParts): Promise<FastifyInstance> {
  const app = await createHttpApp({ logger, health, registry, bodyLimitBytes: 64 * KIBIBYTE, shutdownDelayMs: config.SHUTDOWN_DELAY_MS })
  await app.register(documentation, {
    title: 'order-api',
    version: '0.1.0',
    description: 'Orders. Each change and its event are written in one transaction.',
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
  // Separate pools and queues: slow or many reads do not block new orders.
  await app.register(async (writing) => {
    await writing.register(overload, { pool: app.pg.pool, poolSize: config.DATABASE_POOL_SIZE })
    await writing.register(writingRoutes)
  })
  await app.register(async (reading) => {
    await reading.register(overload, { pool: reads, poolSize: config.ORDER_API_READ_POOL_SIZE })
    await reading.register(readingRoutes, { pool: reads })
  })
  return app
}
