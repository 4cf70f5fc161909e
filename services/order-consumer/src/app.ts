import postgres from '@fastify/postgres'
import { createHttpApp, guardPool, overload, poolMetrics, poolOptions, type Health } from '@orders/service-kit'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { ConsumerConfig } from './config.ts'
import { readModelRoutes } from './routes/read-model.ts'

export interface AppParts {
  config: ConsumerConfig
  logger: Logger
  health: Health
  registry: Registry
}

/** The read model's HTTP API, complete but not listening. Its pool is its own: requests must not keep events from being applied. */
export async function buildApp ({ config, logger, health, registry }: AppParts): Promise<FastifyInstance> {
  const app = await createHttpApp({ logger, health, registry, bodyLimitBytes: 1_024 })
  await app.register(postgres, poolOptions({ url: config.DATABASE_URL, applicationName: 'order-consumer http', max: config.DATABASE_POOL_SIZE }))
  guardPool(app.pg.pool, logger)
  poolMetrics(registry, app.pg.pool)
  await app.register(overload, { pool: app.pg.pool, poolSize: config.DATABASE_POOL_SIZE })
  await app.register(readModelRoutes)
  return app
}
