import type { KafkaConnection } from '@orders/kafka'
import type { Test } from 'tap'
import { untilArrived } from '@orders/testing/checker/observation/arrival'
import { readOrders } from '@orders/testing/checker/observation/final-state'
import { readObservations } from '@orders/testing/checker/observation/observations'
import { OutboxWatch } from '@orders/testing/checker/observation/outbox-watch'
import { reconcile, type Reconciliation } from '@orders/testing/checker/observation/reconcile'
import { startService, testDatabase, testKafka, testPostgres, testTopic, type ServiceProcess } from '@orders/testing/framework'
import { consumerSettings, orderApiSettings, relaySettings } from '@orders/testing/system/services'
import { OrderLoad, type LoadOptions } from '@orders/testing/traffic/order-load'

export interface SystemOptions {
  /** Servers of this test; by default those of the run. */
  postgres?: { url: string }
  kafka?: { brokers: string }
  /** Further settings. */
  relay?: Record<string, string>
  consumer?: Record<string, string>
}

/** The three services as processes, with databases and topics of their own, and orders to post to them. */
export interface System {
  api: ServiceProcess
  relay: ServiceProcess
  consumer: ServiceProcess
  connection: KafkaConnection
  topic: string
  load: OrderLoad
  post: (options: Pick<LoadOptions, 'rate' | 'orders'> & { stopPosting?: AbortSignal }) => Promise<void>
  /** Waits until everything accepted has arrived, and compares it with what was stored, published and applied. */
  reconcile: () => Promise<Reconciliation>
}

const MAX_IN_FLIGHT = 20

/** What must hold after every fault. Whether a duplicate in the topic is allowed depends on the delivery mode. */
export const NOTHING_LOST = {
  lost: 0, unexpected: 0, outOfOrder: 0, wrongEffects: 0, unanswered: 0, byOthers: { orders: 0, changes: 0, events: 0, records: 0, displaced: 0 }
}

export async function startSystem (t: Test, options: SystemOptions = {}): Promise<System> {
  const postgres = options.postgres ?? await testPostgres(t)
  const kafka = options.kafka ?? await testKafka(t)
  const orders = await testDatabase(t, { service: 'order-api', server: postgres })
  const views = await testDatabase(t, { service: 'order-consumer', server: postgres })
  const { topic, connection } = await testTopic(t, { server: kafka })
  const { topic: deadLetterTopic } = await testTopic(t, { server: kafka, partitions: 1 })
  const names = { topic, deadLetterTopic, group: `group-${topic}`, relayName: `relay-${topic}` }
  const { brokers } = kafka
  const delivery = options.relay?.RELAY_DELIVERY === 'at-least-once' ? 'at-least-once' : 'exactly-once'
  const [api, relay, consumer] = await Promise.all([
    startService(t, 'order-api', orderApiSettings({ databaseUrl: orders.url('order_api') })),
    startService(t, 'outbox-relay', { ...relaySettings({ databaseUrl: orders.url('outbox_relay'), brokers, names }), ...options.relay }),
    startService(t, 'order-consumer', { ...consumerSettings({ databaseUrl: views.url('order_consumer'), brokers, names }), ...options.consumer })
  ])
  const outbox = new OutboxWatch(orders.ownerUrl)
  t.teardown(() => outbox.close())
  const load = new OrderLoad(() => api.http)
  const ended = new AbortController()
  // Without it a failed test would repeat its orders forever.
  t.teardown(() => { ended.abort() })
  return {
    api,
    relay,
    consumer,
    connection,
    topic,
    load,
    post: ({ rate, orders, stopPosting = ended.signal }) =>
      load.run({ rate, orders, maxInFlight: MAX_IN_FLIGHT, stopPosting: AbortSignal.any([stopPosting, ended.signal]), giveUp: ended.signal }),
    async reconcile () {
      const stored = await readOrders(orders.ownerUrl)
      await untilArrived({ consumer, connection, ...names }, load, outbox, ended.signal)
      return reconcile(await readObservations({ connection, ...names, ordersUrl: orders.ownerUrl, viewsUrl: views.ownerUrl, delivery }, load, stored))
    }
  }
}
