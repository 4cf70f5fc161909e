import { buildApp as buildOrderApi, loadOrderApiConfig } from '@orders/order-api'
import { buildApp as buildOrderConsumer, loadConsumerConfig } from '@orders/order-consumer'
import { createHealth, createLogger, createMetrics } from '@orders/service-kit'
import { checkoutUrl } from '@orders/testing/framework/checkout'
import type { FastifyInstance } from 'fastify'

/** The services with an HTTP API. */
export const DOCUMENTED = ['order-api', 'order-consumer'] as const

export type DocumentedService = typeof DOCUMENTED[number]

/** Where a service's document is committed. */
export function openApiFile (service: DocumentedService): URL {
  return checkoutUrl(`services/${service}/openapi.json`)
}

/** The text of a service's openapi.json. The app is built and never listens; nothing connects to a server. */
export async function renderOpenApi (service: DocumentedService): Promise<string> {
  const app = await build(service)
  try {
    await app.ready()
    return `${JSON.stringify(app.swagger(), null, 2)}\n`
  } finally {
    await app.close()
  }
}

async function build (service: DocumentedService): Promise<FastifyInstance> {
  const parts = {
    logger: createLogger({ name: 'openapi', level: 'warn' }), health: createHealth(), registry: createMetrics({ service }).registry
  }
  const database = { DATABASE_URL: 'postgres://localhost/nobody-connects' }
  return service === 'order-api'
    ? buildOrderApi({ config: loadOrderApiConfig(database), ...parts })
    : buildOrderConsumer({ config: loadConsumerConfig({ ...database, KAFKA_BROKERS: 'localhost:9092' }), ...parts })
}
