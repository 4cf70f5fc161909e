import { freePort, KafkaCluster, Kubernetes, Postgres, type Kafka } from '../servers/index.ts'
import { TcpProxy } from '../framework/index.ts'
import { Link } from '../framework/link.ts'
import type { SmallDisk } from './small-disk.ts'

/** The brokers, and the addresses of every client: each goes through links of its own. */
export interface Brokers {
  cluster: KafkaCluster
  links: Map<string, Link>
  /** Past all links, to inspect the topic. */
  direct: string
  /**
   * Starts a stopped broker so that it advertises new addresses; the links stay as the bootstrap addresses of the clients.
   *
   * @returns moves it back to the links, and closes the new addresses
   */
  move: (broker: Kafka) => Promise<() => Promise<void>>
}

export interface KafkaOptions {
  brokers: 1 | 3
  progress: (line: string) => void
  disk?: SmallDisk | undefined
}

/** Brokers with one listener for each client, advertised under the address of that client's link to that broker. */
export async function startKafka (clients: readonly string[], { brokers, progress, disk }: KafkaOptions): Promise<Brokers> {
  const listeners = ['INTERNAL', 'DIRECT', ...clients.map(listenerOf)]
  const members = new Map<number, { own: (listener: string) => string, proxies: Map<string, TcpProxy> }>()
  for (let id = 1; id <= brokers; id++) {
    const ports = new Map<string, number>()
    for (const listener of listeners) ports.set(listener, await freePort())
    const own = (listener: string) => `127.0.0.1:${ports.get(listener)}`
    members.set(id, { own, proxies: await proxiesTo(clients, own) })
  }
  const memberOf = (id: number) => {
    const member = members.get(id)
    if (member === undefined) throw new Error(`expected a broker with an id from 1 to ${brokers}, found ${id}`)
    return member
  }
  const advertised = (id: number, proxies: ReadonlyMap<string, TcpProxy>) => {
    const { own } = memberOf(id)
    return [`INTERNAL://${own('INTERNAL')}`, `DIRECT://${own('DIRECT')}`, ...clients.map((client) => `${listenerOf(client)}://${proxies.get(client)?.address}`)].join(',')
  }
  const cluster = await KafkaCluster.start({
    brokers,
    progress,
    ...(disk === undefined ? {} : { directory: disk.folder }),
    settings: (id, controller) => ({
      listeners: [...listeners.map((listener) => `${listener}://${memberOf(id).own(listener)}`), `CONTROLLER://${controller}`].join(','),
      'advertised.listeners': advertised(id, memberOf(id).proxies),
      'listener.security.protocol.map': [...listeners, 'CONTROLLER'].map((listener) => `${listener}:PLAINTEXT`).join(','),
      'log.retention.ms': '-1',
      // A moved leader is moved back within seconds: one more move to test.
      'leader.imbalance.check.interval.seconds': '5'
    })
  })
  const move = async (broker: Kafka) => {
    const id = cluster.nodes.indexOf(broker) + 1
    const { own, proxies } = memberOf(id)
    const elsewhere = await proxiesTo(clients, own)
    await broker.start({ 'advertised.listeners': advertised(id, elsewhere) })
    return async () => {
      await broker.stop()
      for (const proxy of elsewhere.values()) await proxy.close()
      await broker.start({ 'advertised.listeners': advertised(id, proxies) })
    }
  }
  const links = new Map(clients.map((client) => [client, new Link([...members.values()].flatMap(({ proxies }) => proxies.get(client) ?? []))]))
  return { cluster, links, direct: [...members.values()].map(({ own }) => own('DIRECT')).join(','), move }
}

async function proxiesTo (clients: readonly string[], own: (listener: string) => string): Promise<Map<string, TcpProxy>> {
  const proxies = new Map<string, TcpProxy>()
  for (const client of clients) proxies.set(client, await TcpProxy.start(own(listenerOf(client))))
  return proxies
}

function listenerOf (client: string): string {
  return client.toUpperCase().replaceAll('-', '')
}

export interface Databases {
  /** With the database of order-api, which can be put back to an earlier state. */
  orders: Postgres
  /** With the database of the consumer, which stays as it is then: the same server, unless databases are restored. */
  views: Postgres
  /** Each server once. */
  servers: readonly Postgres[]
  links: Map<string, Link>
}

export interface PostgresOptions {
  /** Two servers, of which one can be restored. */
  apart: boolean
  disk?: SmallDisk | undefined
}

/** @param clients by name, and whether it is a client of the consumer's database */
export async function startPostgres (clients: ReadonlyMap<string, 'orders' | 'views'>, { apart, disk }: PostgresOptions): Promise<Databases> {
  const start = () => Postgres.start({
    ...(disk === undefined ? {} : { directory: disk.folder }),
    settings: { max_connections: String(MAX_CONNECTIONS), max_wal_size: '512MB', log_min_messages: 'fatal' }
  })
  const orders = await start()
  const views = apart ? await start() : orders
  const links = new Map<string, Link>()
  for (const [client, database] of clients) links.set(client, new Link([await TcpProxy.start(new URL((database === 'orders' ? orders : views).url).host)]))
  return { orders, views, servers: [...new Set([orders, views])], links }
}

export const MAX_CONNECTIONS = 120

export interface KubernetesServer {
  kubernetes: Kubernetes
  links: Map<string, Link>
}

export async function startKubernetes (clients: readonly string[], progress: (line: string) => void): Promise<KubernetesServer> {
  const kubernetes = await Kubernetes.start({ progress })
  const links = new Map<string, Link>()
  for (const client of clients) links.set(client, new Link([await TcpProxy.start(new URL(kubernetes.url).host)]))
  return { kubernetes, links }
}
