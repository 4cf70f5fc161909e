import { randomBytes } from 'node:crypto'
import type { KafkaConnection } from '@orders/kafka'
import { startLocalStack, type LocalStack } from '@orders/testing/servers'
import { ServiceProcess, testConnection } from '@orders/testing/framework'
import { leaderOf } from '@orders/testing/faults/leader-kill'
import { CleanUp } from './clean-up.ts'
import { createDatabases, type Databases } from './databases.ts'
import type { DemoOptions } from './options.ts'
import { createRelays } from './relays.ts'
import { Services } from './services.ts'
import { createTopics, type Topics } from './topics.ts'

export interface StageOptions extends Pick<DemoOptions, 'apiPort' | 'kills' | 'lease'> {
  progress: (line: string) => void
  /** Gives the building up. */
  signal: AbortSignal
}

/** Everything that the demo runs: servers, databases, topics, and the three services as processes. */
export interface Stage extends Topics {
  api: ServiceProcess
  relays: ServiceProcess[]
  consumer: ServiceProcess
  databases: Databases
  connection: KafkaConnection
  brokers: string
  /** Which servers were there before. */
  external: { postgres: boolean, kafka: boolean }
  /** Aborted when a service ends that was not told to; the reason says which. */
  broken: AbortSignal
  close: () => Promise<void>
}

/** @throws InterruptedError, or whatever could not be started; what had been started is stopped then */
export async function buildStage (options: StageOptions): Promise<Stage> {
  const cleanUp = new CleanUp(options.progress)
  try {
    return await build(options, cleanUp)
  } catch (error) {
    await cleanUp.run()
    throw error
  }
}

async function build ({ apiPort, kills, lease, progress, signal }: StageOptions, cleanUp: CleanUp): Promise<Stage> {
  progress(`getting ${lease === 'kubernetes' ? 'Postgres, Kafka and the Kubernetes API server' : 'Postgres and Kafka'} ready`)
  const { postgres, kafka, kubernetes } = await startServers(lease === 'kubernetes', progress, signal, cleanUp)
  if (postgres === undefined || kafka === undefined) throw new Error('expected Postgres and Kafka, found one missing')

  progress('creating databases and topics')
  const run = randomBytes(3).toString('hex')
  const databases = await createDatabases(postgres, run, cleanUp)
  signal.throwIfAborted()
  const connection = testConnection(kafka.brokers)
  const topics = await createTopics(connection, kafka, run, cleanUp)
  signal.throwIfAborted()

  progress('starting order-api, three outbox-relays and order-consumer')
  const api = new ServiceProcess('order-api', {
    DATABASE_URL: databases.urlAs('order_api'), DATABASE_POOL_SIZE: '20', HTTP_PORT: String(apiPort)
  })
  const relays = createRelays({ databaseUrl: databases.urlAs('outbox_relay'), brokers: kafka.brokers, kubernetes, topics, kills, cleanUp })
  const consumer = new ServiceProcess('order-consumer', {
    DATABASE_URL: databases.urlAs('order_consumer'),
    KAFKA_BROKERS: kafka.brokers,
    CONSUMER_TOPIC: topics.topic,
    CONSUMER_DEAD_LETTER_TOPIC: topics.deadLetterTopic,
    CONSUMER_GROUP: topics.group
  })
  const services = new Services([api, ...relays, consumer], kills.times > 0 ? relays : [])
  cleanUp.add(() => services.stop())
  await services.start(signal)
  // Else the first latencies would be those of the start.
  await leaderOf(relays)
  signal.throwIfAborted()
  return {
    ...topics,
    api,
    relays,
    consumer,
    databases,
    connection,
    brokers: kafka.brokers,
    external: { postgres: postgres.external, kafka: kafka.external },
    broken: services.broken,
    close: () => cleanUp.run()
  }
}

/** The only step that may take minutes, with its downloads: an interruption does not wait for it. */
async function startServers (kubernetes: boolean, progress: (line: string) => void, signal: AbortSignal, cleanUp: CleanUp): Promise<LocalStack> {
  const interrupted = Promise.withResolvers<never>()
  const interrupt = () => { interrupted.reject(signal.reason as Error) }
  signal.addEventListener('abort', interrupt, { once: true })
  try {
    const stack = await Promise.race([startLocalStack({ postgres: true, kafka: true, kubernetes, progress }), interrupted.promise])
    cleanUp.add(() => stack.close())
    return stack
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}
