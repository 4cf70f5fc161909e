import { randomBytes } from 'node:crypto'
import { ORDER_EVENTS_DEAD_LETTER_TOPIC, ORDER_EVENTS_TOPIC, ORDER_GROUP } from '@orders/contracts'
import { createAdmin, type KafkaConnection } from '@orders/kafka'
import { startLocalStack, type LocalStack } from '@orders/local-stack'
import { migrateService, ROLES, ServiceProcess, testConnection, type DatabaseOwner } from '@orders/local-stack/harness'
import pg from 'pg'

const PARTITIONS = 3

export interface StageOptions {
  apiPort: number
  progress: (line: string) => void
}

/** Everything that the demo runs: servers, databases, topics, and the three services as processes. */
export interface Stage {
  api: ServiceProcess
  relays: ServiceProcess[]
  consumer: ServiceProcess
  connection: KafkaConnection
  brokers: string
  topic: string
  /** As owner. */
  ordersUrl: string
  viewsUrl: string
  close: () => Promise<void>
}

export async function buildStage ({ apiPort, progress }: StageOptions): Promise<Stage> {
  const cleanUp: Array<() => Promise<unknown>> = []
  const close = async () => {
    // Last made, first removed; each gets its turn whatever became of the one before.
    for (const step of cleanUp.splice(0).reverse()) {
      await step().catch((error: Error) => { progress(`clean-up: ${error.message}`) })
    }
  }
  try {
    const stack = await startLocalStack({ postgres: true, kafka: true, progress })
    cleanUp.push(() => stack.close())
    return { ...await build(stack, apiPort, progress, cleanUp), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function build (
  { postgres, kafka }: LocalStack, apiPort: number, progress: (line: string) => void, cleanUp: Array<() => Promise<unknown>>
): Promise<Omit<Stage, 'close'>> {
  if (postgres === undefined || kafka === undefined) throw new Error('expected Postgres and Kafka, found one missing')
  // On servers that were there before, everything has a name of its own, and goes away afterwards.
  const run = randomBytes(3).toString('hex')
  const passwords = Object.fromEntries(Object.values(ROLES).flat().map((role) => [role, randomBytes(12).toString('hex')]))

  const databases: Partial<Record<DatabaseOwner, URL>> = {}
  for (const [service, name] of [['order-api', 'orders'], ['order-consumer', 'order_views']] as const) {
    const database = postgres.external ? `${name}_demo_${run}` : name
    await onServer(postgres.url, `CREATE DATABASE ${database}`)
    if (postgres.external) cleanUp.push(() => onServer(postgres.url, `DROP DATABASE ${database} WITH (FORCE)`))
    const url = new URL(postgres.url)
    url.pathname = `/${database}`
    databases[service] = url
    await migrateService(service, url.href, passwords)
  }
  const { 'order-api': ordersUrl, 'order-consumer': viewsUrl } = databases as Record<DatabaseOwner, URL>
  const asRole = (url: URL, role: string) => {
    const own = new URL(url)
    own.username = role
    own.password = passwords[role] ?? ''
    return own.href
  }

  const suffix = kafka.external ? `-demo-${run}` : ''
  const topic = `${ORDER_EVENTS_TOPIC}${suffix}`
  const deadLetterTopic = `${ORDER_EVENTS_DEAD_LETTER_TOPIC}${suffix}`
  const connection = testConnection(kafka.brokers)
  const admin = await createAdmin(connection)
  await admin.ensureTopics([{ topic, partitions: PARTITIONS }, { topic: deadLetterTopic, partitions: 1 }])
  await admin.close()
  if (kafka.external) {
    cleanUp.push(async () => {
      const admin = await createAdmin(connection)
      await admin.deleteTopics([topic, deadLetterTopic]).finally(() => admin.close())
    })
  }

  progress('starting order-api, outbox-relay and order-consumer')
  const api = new ServiceProcess('order-api', {
    DATABASE_URL: asRole(ordersUrl, 'order_api'), DATABASE_POOL_SIZE: '20', HTTP_PORT: String(apiPort)
  })
  const relay = new ServiceProcess('outbox-relay', {
    DATABASE_URL: asRole(ordersUrl, 'outbox_relay'), KAFKA_BROKERS: kafka.brokers, RELAY_DEFAULT_TOPIC: topic, RELAY_NAME: `outbox-relay${suffix}`
  })
  const consumer = new ServiceProcess('order-consumer', {
    DATABASE_URL: asRole(viewsUrl, 'order_consumer'),
    KAFKA_BROKERS: kafka.brokers,
    CONSUMER_TOPIC: topic,
    CONSUMER_DEAD_LETTER_TOPIC: deadLetterTopic,
    CONSUMER_GROUP: `${ORDER_GROUP}${suffix}`
  })
  const services = [consumer, relay, api]
  // SIGTERM: each drains, as it would in production.
  for (const service of services) cleanUp.push(() => stopService(service))
  await Promise.all(services.map((service) => service.start()))
  return { api, relays: [relay], consumer, connection, brokers: kafka.brokers, topic, ordersUrl: ordersUrl.href, viewsUrl: viewsUrl.href }
}

async function stopService (service: ServiceProcess): Promise<void> {
  service.kill('SIGTERM')
  const code = await service.exited()
  if (code !== 0) throw new Error(`${service.name} ended with ${code}, expected 0`)
}

async function onServer (url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
