import { httpSettings, loadConfig, logSettings, opsSettings, postgresSettings, shutdownSettings, withDatabaseTls } from '@orders/service-kit'
import { Type, type Static } from 'typebox'

export const settings = Type.Object({
  ...postgresSettings,
  ...httpSettings,
  ...opsSettings,
  ...logSettings,
  ...shutdownSettings,
  ORDER_API_DOCS: Type.Boolean({
    default: true, description: 'Serve the OpenAPI document and its page at `/docs`.'
  }),
  ORDER_API_IDEMPOTENCY_RETENTION_HOURS: Type.Integer({
    default: 24, minimum: 1, maximum: 8_760, description: 'How long the answer to an Idempotency-Key is kept, in hours. A repeated request gets the stored answer until then, and is carried out again after that.'
  }),
  ORDER_API_READ_POOL_SIZE: Type.Integer({
    default: 5, minimum: 1, maximum: 200, description: 'Maximum number of connections to Postgres for requests that read. They come on top of `DATABASE_POOL_SIZE`, so that reads cannot block new orders.'
  }),
  ORDER_API_WAKEUP_INTERVAL_MS: Type.Integer({
    default: 3, minimum: 0, maximum: 1_000, description: 'Each replica wakes the relay at most once in this time, in milliseconds.'
  })
})

export type OrderApiConfig = Readonly<Static<typeof settings>>

export function loadOrderApiConfig (env: NodeJS.ProcessEnv): OrderApiConfig {
  return withDatabaseTls(loadConfig(settings, { prefixes: ['ORDER_API_'], env }))
}
