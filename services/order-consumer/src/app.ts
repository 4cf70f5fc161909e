import postgres from '@fastify/postgres'
import { createHttpApp, guardPool, overload, poolMetrics, poolOptions, postgresDriver, type Health } from '@orders/service-kit'
import { documentation } from '@orders/service-kit/documentation'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { ConsumerConfig } from './config.ts'
import { readModelRoutes } from './read-model/routes.ts'
import { orderViewSchema } from './read-model/schema.ts'

export interface AppParts {
  config: ConsumerConfig
  logger: Logger
  health: Health
  registry: Registry
}

/** The read model's HTTP API, complete but not listening. Its pool is its own: requests must not keep events from being applied. */
export async function buildApp ({ config, logger, health, registry }: AppParts): Promise<FastifyInstance> {
  const app = await createHttpApp({ logger, health, registry, bodyLimitBytes: 1_024, shutdownDelayMs: config.SHUTDOWN_DELAY_MS })
  await app.register(documentation, {
    title: 'order-consumer',
    version: '0.1.0',
    description: 'The read model: what the events told of the orders.',
    tags: [{ name: 'read model', description: 'Orders as the events that were applied left them. It lags behind the order-api by what is on its way.' }],
    page: config.CONSUMER_DOCS
  })
  await app.register(postgres, {
    ...poolOptions({ url: config.DATABASE_URL, applicationName: 'order-consumer http', max: config.DATABASE_POOL_SIZE }), pg: postgresDriver
  })
  guardPool(app.pg.pool, logger)
  app.outages?.watch(app.pg.pool)
  poolMetrics(registry, app.pg.pool)
  await app.register(overload, { pool: app.pg.pool, poolSize: config.DATABASE_POOL_SIZE })
  app.addSchema(orderViewSchema)
  await app.register(readModelRoutes)
  return app
}
