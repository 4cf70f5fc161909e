import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdmin, type KafkaConnection } from '@orders/kafka'
import type { CopyRow, EnqueuedRow, FinalState, Recorder, RestoreRow } from '../checker/index.ts'
import { migrateService, ROLES, testConnection, type LogLine } from '../framework/index.ts'
import pg from 'pg'
import { installAudit } from '../checker/observation/audit.ts'
import type { Link } from '../framework/link.ts'
import type { ChaosOptions } from './options.ts'
import { RelayAccount } from './relay-account.ts'
import { Replica } from './replica.ts'
import { mountSmallDisk, type SmallDisk } from './small-disk.ts'
import { startKafka, startKubernetes, startPostgres, type Brokers, type Databases, type KubernetesServer } from './servers.ts'

const PARTITIONS = 3
const PASSWORD = 'chaos'
const LOGS_FOLDER = 'logs'
const NAMES = { 'order-api': 'orders', 'order-consumer': 'order_views' } as const

/** What restores threw away, as the checker wants to know it. */
export interface Undone {
  restores: RestoreRow[]
  undoneEvents: Array<FinalState['undoneEvents'][number]>
  undoneAnswers: Array<FinalState['undoneAnswers'][number]>
  undoneFence: Array<FinalState['undoneFence'][number]>
}

/** What copies of the database have done. */
export interface Copied {
  copies: CopyRow[]
  copiedEvents: EnqueuedRow[]
}

export interface Disks {
  postgres: SmallDisk
  kafka: SmallDisk
}

/** Everything that runs, with every link between two parts in our hands. */
export class World {
  readonly api: Replica
  readonly relays: readonly Replica[]
  readonly consumer: Replica
  readonly databases: Databases
  readonly brokers: Brokers
  readonly kubernetes: KubernetesServer | undefined
  /** Of the relays, with the API server. */
  readonly account: RelayAccount | undefined
  readonly disks: Disks | undefined
  readonly recorder: Recorder
  /** Straight to the servers, for who looks on. */
  readonly connection: KafkaConnection
  readonly admin: pg.Pool
  /** One for each server. */
  readonly admins: readonly pg.Pool[]
  readonly undone: Undone = { restores: [], undoneEvents: [], undoneAnswers: [], undoneFence: [] }
  readonly copied: Copied = { copies: [], copiedEvents: [] }
  /** Of every role of the services. */
  readonly password = PASSWORD
  readonly logs: string
  readonly relayName = 'outbox-relay'
  /** Of every relay, without those that are its own. */
  readonly relaySettings: Readonly<Record<string, string>>
  readonly ordersUrl: string
  readonly viewsUrl: string
  readonly topic = 'order-events'
  readonly deadLetterTopic = 'order-events.dlq'
  readonly group = 'order-group'
  readonly leaseName: string
  readonly #closing: Array<() => Promise<unknown>>

  /** Use {@link buildWorld}. */
  constructor (parts: {
    options: ChaosOptions
    recorder: Recorder
    databases: Databases
    brokers: Brokers
    kubernetes: KubernetesServer | undefined
    disks: Disks | undefined
    account: RelayAccount | undefined
    closing: Array<() => Promise<unknown>>
  }) {
    const { options, recorder, databases, brokers, kubernetes, disks, account, closing } = parts
    this.disks = disks
    this.account = account
    this.recorder = recorder
    this.databases = databases
    this.brokers = brokers
    this.kubernetes = kubernetes
    this.#closing = closing
    this.connection = testConnection(brokers.direct)
    this.logs = join(options.folder, LOGS_FOLDER)
    this.ordersUrl = withDatabase(databases.orders.url, NAMES['order-api'])
    this.viewsUrl = withDatabase(databases.views.url, NAMES['order-consumer'])
    this.admin = openAdmin(this.ordersUrl)
    this.admins = databases.orders === databases.views ? [this.admin] : [this.admin, openAdmin(this.viewsUrl)]
    for (const pool of this.admins) closing.push(() => pool.end())

    this.leaseName = `${this.relayName}-0`
    this.relaySettings = {
      RELAY_DELIVERY: options.delivery,
      RELAY_SHARDS: String(options.shards),
      RELAY_LEASE_DURATION_MS: '6000',
      RELAY_RENEW_DEADLINE_MS: '4000',
      RELAY_RETRY_PERIOD_MS: '1000',
      RELAY_SEND_DEADLINE_MS: '3000',
      RELAY_TRANSACTION_TIMEOUT_MS: '5000',
      RELAY_PROGRESS_DEADLINE_MS: '8000',
      RELAY_BACKOFF_MAX_MS: '1000'
    }
    const replica = (replicaName: string, service: Replica['service'], env: (life: number) => Record<string, string>) => {
      const replica = new Replica(replicaName, service, { env, recorder, log: join(this.logs, `${replicaName}.jsonl`), onLine: (from, line) => { this.#onLine(from, line) } })
      closing.push(() => replica.close())
      return replica
    }
    this.api = replica('order-api', 'order-api', () => ({ DATABASE_URL: this.#url('order-api', NAMES['order-api'], 'order_api'), DATABASE_POOL_SIZE: '20' }))
    this.relays = relayNames(options).map((relayName) => replica(relayName, 'outbox-relay', (life) => ({
      // Told apart by it in the record of who changed the outbox.
      DATABASE_URL: `${this.#url(relayName, NAMES['order-api'], 'outbox_relay')}?application_name=${relayName}-life-${life}`,
      KAFKA_BROKERS: brokers.links.get(relayName)?.address ?? '',
      ...this.relaySettings,
      RELAY_NAME: this.relayName,
      RELAY_IDENTITY: relayName,
      RELAY_LEASE: options.lease,
      RELAY_LEASE_NAMESPACE: 'default',
      RELAY_DEFAULT_TOPIC: this.topic,
      ...account === undefined ? {} : { KUBECONFIG: account.kubeconfig(relayName) }
    })))
    this.consumer = replica('order-consumer', 'order-consumer', () => ({
      DATABASE_URL: this.#url('order-consumer', NAMES['order-consumer'], 'order_consumer'),
      KAFKA_BROKERS: brokers.links.get('order-consumer')?.address ?? '',
      CONSUMER_TOPIC: this.topic,
      CONSUMER_DEAD_LETTER_TOPIC: this.deadLetterTopic,
      CONSUMER_GROUP: this.group
    }))
  }

  get replicas (): readonly Replica[] {
    return [this.api, ...this.relays, this.consumer]
  }

  /** The relay that publishes shard 0 by its own word, if any does. */
  leader: Replica | undefined

  link (client: Replica, server: 'postgres' | 'kafka' | 'kubernetes'): Link {
    const links = server === 'postgres' ? this.databases.links : server === 'kafka' ? this.brokers.links : this.kubernetes?.links
    const link = links?.get(client.name)
    if (link === undefined) throw new Error(`expected a link from ${client.name} to ${server}, found none`)
    return link
  }

  async close (): Promise<void> {
    await closeAll(this.#closing)
  }

  /** What the services say is part of the history. */
  #onLine (replica: Replica, line: LogLine): void {
    const process = replica.name
    switch (line.event) {
      case 'took_over':
        if (line.shard === 0) this.leader = replica
        this.recorder.record({ kind: 'relay', process, type: 'ok', f: 'take-over', shard: Number(line.shard), epoch: Number(line.epoch) })
        break
      case 'position_foreign':
        this.recorder.record({
          kind: 'relay', process, type: 'info', f: 'foreign', shard: Number(line.shard), ...(line.epoch === undefined ? {} : { epoch: Number(line.epoch) }), detail: String(line.msg)
        })
        break
      case 'publish_failed':
        this.recorder.record({ kind: 'relay', process, type: 'info', f: 'publish', shard: Number(line.shard), detail: errorOf(line) })
        break
      case 'fenced_in_kafka':
      case 'publishing_ended':
        this.recorder.record({ kind: 'relay', process, type: 'info', f: 'fenced', shard: Number(line.shard), detail: errorOf(line) })
        break
      case 'event_dead_lettered':
        this.recorder.record({ kind: 'relay', process, type: 'ok', f: 'dead-letter', detail: String(line.eventId) })
        break
      case 'applied':
        this.recorder.record({ kind: 'consumer', process, type: 'ok', f: 'apply', partition: Number(line.partition), applied: Number(line.applied), duplicates: Number(line.duplicates) })
        break
      default:
    }
  }

  #url (client: string, database: string, role: string): string {
    return `postgres://${role}:${PASSWORD}@${this.databases.links.get(client)?.address}/${database}`
  }
}

/** Starts all of it; what was started is stopped again when something does not start. */
export async function buildWorld (options: ChaosOptions, recorder: Recorder): Promise<World> {
  const closing: Array<() => Promise<unknown>> = []
  try {
    return await build(options, recorder, closing)
  } catch (error) {
    await closeAll(closing)
    throw error
  }
}

async function build (options: ChaosOptions, recorder: Recorder, closing: Array<() => Promise<unknown>>): Promise<World> {
  const { lease, progress } = options
  progress(`starting Postgres, Kafka${lease === 'kubernetes' ? ', etcd and kube-apiserver' : ''}`)
  const disks = options.smallDisks ? await mountDisks(closing) : undefined
  const starting = await Promise.allSettled([
    startPostgres(new Map([['order-api', 'orders'], ['order-consumer', 'views'], ...relayNames(options).map((name) => [name, 'orders'] as const)]), {
      apart: options.restores, disk: disks?.postgres
    }),
    startKafka(['order-consumer', ...relayNames(options)], { brokers: options.brokers, progress, disk: disks?.kafka }),
    lease === 'kubernetes' ? startKubernetes(relayNames(options), progress) : undefined
  ])
  const [postgresOutcome, kafkaOutcome, kubernetesOutcome] = starting
  if (postgresOutcome.status === 'fulfilled') closing.push(...postgresOutcome.value.servers.map((server) => () => server.close()), ...closeLinks(postgresOutcome.value.links))
  if (kafkaOutcome.status === 'fulfilled') closing.push(() => kafkaOutcome.value.cluster.close(), ...closeLinks(kafkaOutcome.value.links))
  if (kubernetesOutcome.status === 'fulfilled' && kubernetesOutcome.value !== undefined) {
    const { kubernetes, links } = kubernetesOutcome.value
    closing.push(() => kubernetes.close(), ...closeLinks(links))
  }
  for (const outcome of starting) if (outcome.status === 'rejected') throw outcome.reason
  if (postgresOutcome.status === 'rejected' || kafkaOutcome.status === 'rejected' || kubernetesOutcome.status === 'rejected') throw new Error('expected all servers, found one missing')
  const kubernetes = kubernetesOutcome.value

  const account = kubernetes === undefined ? undefined : await createAccount(kubernetes, closing)
  await mkdir(join(options.folder, LOGS_FOLDER), { recursive: true })
  await createDatabases(postgresOutcome.value)
  const world = new World({ options, recorder, databases: postgresOutcome.value, brokers: kafkaOutcome.value, kubernetes, disks, account, closing })
  await installAudit(world.ordersUrl)
  const admin = await createAdmin(world.connection)
  await admin.ensureTopics([{ topic: world.topic, partitions: PARTITIONS }, { topic: world.deadLetterTopic, partitions: 1 }]).finally(() => admin.close())
  progress(`starting order-api, ${options.relays} relays and order-consumer`)
  await Promise.all(world.replicas.map((replica) => replica.start()))
  await Promise.all(world.replicas.map((replica) => replica.untilReady()))
  return world
}

async function createAccount ({ kubernetes, links }: KubernetesServer, closing: Array<() => Promise<unknown>>): Promise<RelayAccount> {
  const folder = await mkdtemp(join(tmpdir(), 'orders-chaos-'))
  closing.push(() => rm(folder, { recursive: true }))
  return RelayAccount.create(kubernetes, folder, new Map([...links].map(([relay, link]) => [relay, link.address])))
}

async function mountDisks (closing: Array<() => Promise<unknown>>): Promise<Disks> {
  const mount = async () => {
    const disk = await mountSmallDisk()
    closing.push(() => disk.unmount())
    return disk
  }
  return { postgres: await mount(), kafka: await mount() }
}

function relayNames ({ relays }: ChaosOptions): string[] {
  return Array.from({ length: relays }, (_, index) => `relay-${index + 1}`)
}

function closeLinks (links: ReadonlyMap<string, Link>): Array<() => Promise<void>> {
  return [...links.values()].map((link) => () => link.close())
}

/** The last made first, and each whatever became of the one before. */
async function closeAll (closing: Array<() => Promise<unknown>>): Promise<void> {
  for (let step = closing.pop(); step !== undefined; step = closing.pop()) await step().catch(() => {})
}

async function createDatabases ({ orders, views }: Databases): Promise<void> {
  for (const [{ url }, service] of [[orders, 'order-api'], [views, 'order-consumer']] as const) {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      await client.query(`CREATE DATABASE ${NAMES[service]}`)
      await migrateService(service, withDatabase(url, NAMES[service]), PASSWORD)
      for (const role of ROLES[service]) await client.query(`ALTER ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`)
    } finally {
      await client.end()
    }
  }
}

/** Straight to a server, for who looks on. */
function openAdmin (connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 3, connectionTimeoutMillis: 2_000, query_timeout: 5_000, application_name: 'chaos' })
  pool.on('error', () => {})
  pool.on('connect', (client) => { client.on('error', () => {}) })
  return pool
}

function withDatabase (url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}

function errorOf ({ err }: LogLine): string {
  return String((err as { message?: string } | undefined)?.message ?? '')
}
