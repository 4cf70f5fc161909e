import type { OrderEventType } from '@orders/contracts'
import { createWakeupSender } from '@orders/outbox'
import { connectionOptions } from '@orders/service-kit'
import fp from 'fastify-plugin'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'

export interface CommittedEventsOptions {
  url: string
  minIntervalMs: number
  registry: Registry
  logger: Logger
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts the event and wakes the relay. Call it after COMMIT: a NOTIFY inside the transaction would slow every commit down. */
    eventCommitted: (type: OrderEventType) => void
  }
}

export default fp(async (app: FastifyInstance, { url, minIntervalMs, registry, logger }: CommittedEventsOptions) => {
  const committed = new Counter({
    name: 'order_events_committed_total', help: 'Events committed with their orders', labelNames: ['type'], registers: [registry]
  })
  const sender = createWakeupSender({
    connection: { ...connectionOptions({ url, applicationName: 'order-api wake-up' }), query_timeout: 3_000 },
    minIntervalMs,
    onError: (error) => { logger.warn({ event: 'wakeup_not_sent', err: error }, 'a wake-up was not sent; the relay finds the events at its next poll') }
  })
  app.decorate('eventCommitted', (type: OrderEventType) => {
    committed.inc({ type })
    sender.wake()
  })
  app.addHook('onClose', () => sender.close())
}, { name: 'committed-events' })
