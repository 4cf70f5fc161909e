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

/** The read model's HTTP API, complete but not listening. It has its own pool, so that requests cannot block the events. */
export async function buildApp ({ config, logger, health, registry }: AppParts): Promise<FastifyInstance> {
  const app = await createHttpApp({ logger, health, registry, bodyLimitBytes: 1_024, shutdownDelayMs: config.SHUTDOWN_DELAY_MS })
  await app.register(documentation, {
    title: 'order-consumer',
    version: '0.1.0',
    description: 'The read model: orders as the events describe them.',
    tags: [{ name: 'read model', description: 'Orders after the applied events. It lags behind order-api by the events that have not been applied yet.' }],
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
