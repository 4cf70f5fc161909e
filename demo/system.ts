import { randomBytes } from 'node:crypto'
import type { KafkaConnection } from '@orders/kafka'
import { leaderOf } from '@orders/testing/faults/leader-kill'
import { ServiceProcess, testConnection } from '@orders/testing/framework'
import { closeAll } from '@orders/testing/framework/closing'
import { startLocalStack, type LocalStack } from '@orders/testing/servers'
import { createDatabases, type SystemDatabases } from '@orders/testing/system/databases'
import { consumerSettings, orderApiSettings, Services } from '@orders/testing/system/services'
import { createTopics, deleteTopics, systemNames, type SystemNames } from '@orders/testing/system/topics'
import type { DemoOptions } from './options.ts'
import { createRelays } from './relays.ts'

export interface DemoSystemOptions extends Pick<DemoOptions, 'apiPort' | 'kills' | 'lease'> {
  progress: (line: string) => void
  /** Gives the start up. */
  signal: AbortSignal
}

/** Everything that the demo runs: servers, databases, topics, and the three services as processes. */
export interface DemoSystem extends SystemNames {
  api: ServiceProcess
  relays: ServiceProcess[]
  consumer: ServiceProcess
  databases: SystemDatabases
  connection: KafkaConnection
  brokers: string
  /** Which servers were there before. */
  external: { postgres: boolean, kafka: boolean }
  /** Aborted when a service ends by itself; the reason says which. */
  broken: AbortSignal
  close: () => Promise<void>
}

/** @throws InterruptedError, or the error of the part that could not be started; the other parts are stopped then */
export async function startSystem (options: DemoSystemOptions): Promise<DemoSystem> {
  const stack = new AsyncDisposableStack()
  const close = () => closeAll(stack, ({ message }) => { options.progress(`while stopping: ${message}`) })
  try {
    return { ...await start(options, stack), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function start ({ apiPort, kills, lease, progress, signal }: DemoSystemOptions, stack: AsyncDisposableStack): Promise<Omit<DemoSystem, 'close'>> {
  progress(`getting ${lease === 'kubernetes' ? 'Postgres, Kafka and the Kubernetes API server' : 'Postgres and Kafka'} ready`)
  const { postgres, kafka, kubernetes } = await startServers(lease === 'kubernetes', progress, signal, stack)
  if (postgres === undefined || kafka === undefined) throw new Error('expected Postgres and Kafka, found one missing')
  const { brokers } = kafka

  progress('creating databases and topics')
  const run = randomBytes(3).toString('hex')
  const databases = await createDatabases(postgres, run, stack)
  signal.throwIfAborted()
  const connection = testConnection(brokers)
  // On existing brokers the demo uses topics of its own, and deletes them afterwards.
  const names = { ...systemNames(kafka.external ? `-demo-${run}` : ''), relayName: `outbox-relay-demo-${run}` }
  if (kafka.external) stack.defer(() => deleteTopics(connection, names))
  await createTopics(connection, names)
  signal.throwIfAborted()

  progress('starting order-api, three outbox-relays and order-consumer')
  const api = new ServiceProcess('order-api', { ...orderApiSettings({ databaseUrl: databases.urlAs('order_api') }), HTTP_PORT: String(apiPort) })
  const relays = createRelays({ place: { databaseUrl: databases.urlAs('outbox_relay'), brokers, names }, kubernetes, kills, stack })
  const consumer = new ServiceProcess('order-consumer', consumerSettings({ databaseUrl: databases.urlAs('order_consumer'), brokers, names }))
  const services = new Services([api, ...relays, consumer], kills.times > 0 ? relays : [])
  stack.defer(() => services.stop())
  await services.start(signal)
  // Without a leader the first latencies would be those of the start.
  await leaderOf(relays)
  signal.throwIfAborted()
  return {
    ...names,
    api,
    relays,
    consumer,
    databases,
    connection,
    brokers,
    external: { postgres: postgres.external, kafka: kafka.external },
    broken: services.broken
  }
}

/** The only step that may take minutes, with its downloads: an interruption does not wait for it. */
async function startServers (kubernetes: boolean, progress: (line: string) => void, signal: AbortSignal, stack: AsyncDisposableStack): Promise<LocalStack> {
  const interrupted = Promise.withResolvers<never>()
  const interrupt = () => { interrupted.reject(signal.reason as Error) }
  signal.addEventListener('abort', interrupt, { once: true })
  try {
    const servers = await Promise.race([startLocalStack({ postgres: true, kafka: true, kubernetes, progress }), interrupted.promise])
    stack.defer(() => servers.close())
    return servers
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}
