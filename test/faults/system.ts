import type { KafkaConnection } from '@orders/kafka'
import { startService, testDatabase, testKafka, testPostgres, testTopic, type ServiceProcess } from '@orders/testing/framework'
import type { Test } from 'tap'
import { untilArrived } from '@orders/testing/checker/observation/arrival'
import { gatherEvidence } from '@orders/testing/checker/observation/gather-evidence'
import { OrderLoad, type LoadOptions } from '@orders/testing/traffic/order-load'
import { OutboxWatch } from '@orders/testing/checker/observation/outbox-watch'
import { readStoredOrders } from '@orders/testing/checker/observation/stored-orders'
import { judge, type Verdict } from '@orders/testing/checker/observation/verdict'

export interface SystemOptions {
  /** Servers of the test's own; else those of the run. */
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
  /** Waits until everything accepted has arrived, and compares. */
  verdict: () => Promise<Verdict>
}

const MAX_IN_FLIGHT = 20

/** What must be so whatever broke; there is nobody else here. A duplicate in the topic is for the delivery mode to forbid. */
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
  const group = `group-${topic}`
  const delivery = options.relay?.RELAY_DELIVERY === 'at-least-once' ? 'at-least-once' : 'exactly-once'
  const [api, relay, consumer] = await Promise.all([
    // A session for each request: none waits for one behind a commit that takes long.
    startService(t, 'order-api', { DATABASE_URL: orders.url('order_api'), DATABASE_POOL_SIZE: String(MAX_IN_FLIGHT) }),
    startService(t, 'outbox-relay', {
      DATABASE_URL: orders.url('outbox_relay'),
      KAFKA_BROKERS: kafka.brokers,
      RELAY_NAME: `relay-${topic}`,
      RELAY_DEFAULT_TOPIC: topic,
      ...options.relay
    }),
    startService(t, 'order-consumer', {
      DATABASE_URL: views.url('order_consumer'),
      KAFKA_BROKERS: kafka.brokers,
      CONSUMER_TOPIC: topic,
      CONSUMER_DEAD_LETTER_TOPIC: deadLetterTopic,
      CONSUMER_GROUP: group,
      ...options.consumer
    })
  ])
  const outbox = new OutboxWatch(orders.ownerUrl)
  t.teardown(() => outbox.close())
  const load = new OrderLoad(() => api.http)
  const ended = new AbortController()
  // Else a test that fails would leave its orders repeated without end.
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
    async verdict () {
      const stored = await readStoredOrders(orders.ownerUrl)
      await untilArrived({ consumer, connection, topic, group }, load, outbox, ended.signal)
      return judge(await gatherEvidence({
        connection, topic, deadLetterTopic, group, ordersUrl: orders.ownerUrl, viewsUrl: views.ownerUrl, delivery
      }, load, stored))
    }
  }
}
