import postgres from '@fastify/postgres'
import { guardPool, poolOptions, postgresDriver } from '@orders/service-kit'
import fp from 'fastify-plugin'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'

export interface DatabaseOptions {
  url: string
  poolSize: number
  logger: Logger
}

/** `app.pg`, with the time-outs and error listeners that the plugin does not set. */
export default fp(async (app: FastifyInstance, { url, poolSize, logger }: DatabaseOptions) => {
  await app.register(postgres, {
    ...poolOptions({ url, applicationName: 'order-api', max: poolSize }),
    pg: postgresDriver,
    // Statements that do not wait for each other's answers travel together, and cost one round trip.
    pipeline: true
  })
  guardPool(app.pg.pool, logger)
}, { name: 'database' })
