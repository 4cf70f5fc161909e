import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KafkaConnection } from '@orders/kafka'
import type { CopyRow, EnqueuedRow, FinalState, Recorder, RestoreRow } from '../checker/index.ts'
import { ROLES, testConnection, withClient, withDatabase, type LogLine } from '../framework/index.ts'
import pg from 'pg'
import { installAudit } from '../checker/observation/audit.ts'
import { closeAll } from '../framework/closing.ts'
import type { Link } from '../framework/link.ts'
import { createDatabase, DATABASES } from './databases.ts'
import { RelayAccount } from './relay-account.ts'
import { Replica } from './replica.ts'
import { consumerSettings, orderApiSettings, relaySettings } from './services.ts'
import { mountSmallDisk, type SmallDisk } from './small-disk.ts'
import { startKafka, startKubernetes, startPostgres, type Brokers, type Databases, type KubernetesServer } from './servers.ts'
import { createTopics, systemNames } from './topics.ts'

const PASSWORD = 'chaos'
const LOGS_FOLDER = 'logs'

export interface SystemOptions {
  lease: 'postgres' | 'kubernetes'
  delivery: 'exactly-once' | 'at-least-once'
  relays: number
  brokers: 1 | 3
  shards: number
  /** Whether Postgres is put back to an earlier state, and a copy of it runs beside it. */
  restores: boolean
  /** Whether the data of Postgres and Kafka are on small file systems, which can be filled; needs root. */
  smallDisks: boolean
  /** Where the history, the final state, the logs and the report go. */
  folder: string
  progress: (line: string) => void
}

/** Data that restores threw away. The checker needs it to explain the differences. */
export interface Undone {
  restores: RestoreRow[]
  undoneEvents: Array<FinalState['undoneEvents'][number]>
  undoneAnswers: Array<FinalState['undoneAnswers'][number]>
  undoneFence: Array<FinalState['undoneFence'][number]>
}

/** The activity of the copies of the database. */
export interface Copied {
  copies: CopyRow[]
  copiedEvents: EnqueuedRow[]
}

export interface Disks {
  postgres: SmallDisk
  kafka: SmallDisk
}

/** The whole system as processes, with a {@link Link} between every two parts, so that each can be broken alone. */
export class System {
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
  /** Past all links, to inspect the servers. */
  readonly connection: KafkaConnection
  readonly admin: pg.Pool
  /** One for each server. */
  readonly admins: readonly pg.Pool[]
  readonly undone: Undone = { restores: [], undoneEvents: [], undoneAnswers: [], undoneFence: [] }
  readonly copied: Copied = { copies: [], copiedEvents: [] }
  /** Of every role of the services. */
  readonly password = PASSWORD
  readonly logs: string
  readonly names = systemNames()
  readonly relayName = this.names.relayName
  /** Of every relay, without those that are its own. */
  readonly relaySettings: Readonly<Record<string, string>>
  readonly ordersUrl: string
  readonly viewsUrl: string
  readonly topic = this.names.topic
  readonly deadLetterTopic = this.names.deadLetterTopic
  readonly group = this.names.group
  readonly leaseName: string
  readonly #stack: AsyncDisposableStack

  /** Call {@link startSystem} instead. */
  constructor (parts: {
    options: SystemOptions
    recorder: Recorder
    databases: Databases
    brokers: Brokers
    kubernetes: KubernetesServer | undefined
    disks: Disks | undefined
    account: RelayAccount | undefined
    stack: AsyncDisposableStack
  }) {
    const { options, recorder, databases, brokers, kubernetes, disks, account, stack } = parts
    this.disks = disks
    this.account = account
    this.recorder = recorder
    this.databases = databases
    this.brokers = brokers
    this.kubernetes = kubernetes
    this.#stack = stack
    this.connection = testConnection(brokers.direct)
    this.logs = join(options.folder, LOGS_FOLDER)
    this.ordersUrl = withDatabase(databases.orders.url, DATABASES['order-api']).href
    this.viewsUrl = withDatabase(databases.views.url, DATABASES['order-consumer']).href
    this.admin = openAdmin(this.ordersUrl)
    this.admins = databases.orders === databases.views ? [this.admin] : [this.admin, openAdmin(this.viewsUrl)]
    for (const pool of this.admins) stack.defer(() => pool.end())

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
      stack.defer(() => replica.close())
      return replica
    }
    this.api = replica('order-api', 'order-api', () => orderApiSettings({ databaseUrl: this.#url('order-api', 'order-api', 'order_api') }))
    this.relays = relayNames(options).map((relayName) => replica(relayName, 'outbox-relay', (life) => ({
      ...relaySettings({
        // The audit of the outbox tells the lives of the relays apart by their application names.
        databaseUrl: `${this.#url(relayName, 'order-api', 'outbox_relay')}?application_name=${relayName}-life-${life}`,
        brokers: brokers.links.get(relayName)?.address ?? '',
        names: this.names
      }),
      ...this.relaySettings,
      RELAY_IDENTITY: relayName,
      RELAY_LEASE: options.lease,
      RELAY_LEASE_NAMESPACE: 'default',
      ...account === undefined ? {} : { KUBECONFIG: account.kubeconfig(relayName) }
    })))
    this.consumer = replica('order-consumer', 'order-consumer', () => consumerSettings({
      databaseUrl: this.#url('order-consumer', 'order-consumer', 'order_consumer'),
      brokers: brokers.links.get('order-consumer')?.address ?? '',
      names: this.names
    }))
  }

  get replicas (): readonly Replica[] {
    return [this.api, ...this.relays, this.consumer]
  }

  /** The relay that publishes shard 0 by its own metrics, if any does. */
  leader: Replica | undefined

  link (client: Replica, server: 'postgres' | 'kafka' | 'kubernetes'): Link {
    const links = server === 'postgres' ? this.databases.links : server === 'kafka' ? this.brokers.links : this.kubernetes?.links
    const link = links?.get(client.name)
    if (link === undefined) throw new Error(`expected a link from ${client.name} to ${server}, found none`)
    return link
  }

  async close (): Promise<void> {
    await closeAll(this.#stack)
  }

  /** Log lines of the services are part of the history. */
  #onLine (replica: Replica, line: LogLine): void {
    const process = replica.name
    switch (line.event) {
      case 'took_over':
        if (line.shard === 0) this.leader = replica
        this.recorder.record({ kind: 'relay', process, type: 'ok', f: 'takeover', shard: Number(line.shard), epoch: Number(line.epoch) })
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

  #url (client: string, service: keyof typeof DATABASES, role: string): string {
    return `postgres://${role}:${PASSWORD}@${this.databases.links.get(client)?.address}/${DATABASES[service]}`
  }
}

/** Starts all parts. If one does not start, stops those that did. */
export async function startSystem (options: SystemOptions, recorder: Recorder): Promise<System> {
  const stack = new AsyncDisposableStack()
  try {
    return await start(options, recorder, stack)
  } catch (error) {
    await closeAll(stack)
    throw error
  }
}

async function start (options: SystemOptions, recorder: Recorder, stack: AsyncDisposableStack): Promise<System> {
  const { lease, progress } = options
  progress(`starting Postgres, Kafka${lease === 'kubernetes' ? ', etcd and kube-apiserver' : ''}`)
  const disks = options.smallDisks ? await mountDisks(stack) : undefined
  const starting = await Promise.allSettled([
    startPostgres(new Map([['order-api', 'orders'], ['order-consumer', 'views'], ...relayNames(options).map((name) => [name, 'orders'] as const)]), {
      apart: options.restores, disk: disks?.postgres
    }),
    startKafka(['order-consumer', ...relayNames(options)], { brokers: options.brokers, progress, disk: disks?.kafka }),
    lease === 'kubernetes' ? startKubernetes(relayNames(options), progress) : undefined
  ])
  const [postgresOutcome, kafkaOutcome, kubernetesOutcome] = starting
  // Those that did start are closed also when another one did not.
  if (postgresOutcome.status === 'fulfilled') closeLater(stack, ...postgresOutcome.value.servers, ...postgresOutcome.value.links.values())
  if (kafkaOutcome.status === 'fulfilled') closeLater(stack, kafkaOutcome.value.cluster, ...kafkaOutcome.value.links.values())
  if (kubernetesOutcome.status === 'fulfilled' && kubernetesOutcome.value !== undefined) {
    closeLater(stack, kubernetesOutcome.value.kubernetes, ...kubernetesOutcome.value.links.values())
  }
  for (const outcome of starting) if (outcome.status === 'rejected') throw outcome.reason
  if (postgresOutcome.status === 'rejected' || kafkaOutcome.status === 'rejected' || kubernetesOutcome.status === 'rejected') throw new Error('expected all servers, found one missing')
  const kubernetes = kubernetesOutcome.value

  const account = kubernetes === undefined ? undefined : await createAccount(kubernetes, stack)
  await mkdir(join(options.folder, LOGS_FOLDER), { recursive: true })
  await createDatabases(postgresOutcome.value)
  const system = new System({ options, recorder, databases: postgresOutcome.value, brokers: kafkaOutcome.value, kubernetes, disks, account, stack })
  await installAudit(system.ordersUrl)
  await createTopics(system.connection, system.names)
  progress(`starting order-api, ${options.relays} relays and order-consumer`)
  await Promise.all(system.replicas.map((replica) => replica.start()))
  await Promise.all(system.replicas.map((replica) => replica.untilReady()))
  return system
}

async function createAccount ({ kubernetes, links }: KubernetesServer, stack: AsyncDisposableStack): Promise<RelayAccount> {
  const folder = await mkdtemp(join(tmpdir(), 'orders-chaos-'))
  stack.defer(() => rm(folder, { recursive: true }))
  return RelayAccount.create(kubernetes, folder, new Map([...links].map(([relay, link]) => [relay, link.address])))
}

async function mountDisks (stack: AsyncDisposableStack): Promise<Disks> {
  const mount = async () => {
    const disk = await mountSmallDisk()
    stack.defer(() => disk.unmount())
    return disk
  }
  return { postgres: await mount(), kafka: await mount() }
}

function relayNames ({ relays }: SystemOptions): string[] {
  return Array.from({ length: relays }, (_, index) => `relay-${index + 1}`)
}

function closeLater (stack: AsyncDisposableStack, ...parts: ReadonlyArray<{ close: () => Promise<void> }>): void {
  for (const part of parts) stack.defer(() => part.close())
}

async function createDatabases ({ orders, views }: Databases): Promise<void> {
  for (const [server, service] of [[orders, 'order-api'], [views, 'order-consumer']] as const) {
    await createDatabase(server, service, { password: PASSWORD })
    for (const role of ROLES[service]) await withClient(server.url, (client) => client.query(`ALTER ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`))
  }
}

/** Past all links, to inspect a server. */
function openAdmin (connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 3, connectionTimeoutMillis: 2_000, query_timeout: 5_000, application_name: 'chaos' })
  pool.on('error', () => {})
  pool.on('connect', (client) => { client.on('error', () => {}) })
  return pool
}

function errorOf ({ err }: LogLine): string {
  return String((err as { message?: string } | undefined)?.message ?? '')
}
