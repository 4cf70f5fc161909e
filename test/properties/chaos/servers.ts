import { freePort, Kafka, Kubernetes, Postgres } from '@orders/local-stack'
import { TcpProxy } from '@orders/local-stack/harness'
import type { SmallDisk } from './small-disk.ts'

/** The broker addresses of every client: each goes through a link of its own. */
export interface Brokers {
  kafka: Kafka
  links: Map<string, TcpProxy>
  /** Past all links, for the inspection of the topic. */
  direct: string
  /**
   * Starts the stopped broker so that it advertises addresses that nobody has heard of; the links stay as what clients
   * begin with.
   *
   * @returns brings it back to the links; nothing is at the other addresses any more then
   */
  move: () => Promise<() => Promise<void>>
}

/** A broker with one listener for each client, advertised under the address of that client's link. */
export async function startKafka (clients: readonly string[], progress: (line: string) => void, disk?: SmallDisk): Promise<Brokers> {
  const links = new Map<string, TcpProxy>()
  const listeners = ['CONTROLLER', 'INTERNAL', 'DIRECT', ...clients.map(listenerOf)]
  const ports = new Map<string, number>()
  for (const listener of listeners) ports.set(listener, await freePort())
  const own = (listener: string) => `127.0.0.1:${ports.get(listener)}`
  for (const client of clients) links.set(client, await TcpProxy.start(own(listenerOf(client))))
  const advertised = (addresses: ReadonlyMap<string, TcpProxy>) =>
    [`INTERNAL://${own('INTERNAL')}`, `DIRECT://${own('DIRECT')}`, ...clients.map((client) => `${listenerOf(client)}://${addresses.get(client)?.address}`)].join(',')
  const kafka = await Kafka.start({
    progress,
    ...(disk === undefined ? {} : { directory: disk.folder }),
    settings: {
      listeners: listeners.map((listener) => `${listener}://${own(listener)}`).join(','),
      'advertised.listeners': advertised(links),
      'listener.security.protocol.map': listeners.map((listener) => `${listener}:PLAINTEXT`).join(','),
      'controller.quorum.voters': `1@${own('CONTROLLER')}`,
      'log.retention.ms': '-1'
    }
  })
  const move = async () => {
    const elsewhere = new Map<string, TcpProxy>()
    for (const client of clients) elsewhere.set(client, await TcpProxy.start(own(listenerOf(client))))
    await kafka.start({ 'advertised.listeners': advertised(elsewhere) })
    return async () => {
      await kafka.stop()
      for (const link of elsewhere.values()) await link.close()
      await kafka.start({ 'advertised.listeners': advertised(links) })
    }
  }
  return { kafka, links, direct: own('DIRECT'), move }
}

function listenerOf (client: string): string {
  return client.toUpperCase().replaceAll('-', '')
}

export interface Databases {
  postgres: Postgres
  links: Map<string, TcpProxy>
}

export async function startPostgres (clients: readonly string[], disk?: SmallDisk): Promise<Databases> {
  const postgres = await Postgres.start({
    ...(disk === undefined ? {} : { directory: disk.folder }),
    settings: { max_connections: String(MAX_CONNECTIONS), max_wal_size: '512MB', log_min_messages: 'fatal' }
  })
  const { host } = new URL(postgres.url)
  const links = new Map<string, TcpProxy>()
  for (const client of clients) links.set(client, await TcpProxy.start(host))
  return { postgres, links }
}

export const MAX_CONNECTIONS = 120

export interface KubernetesServer {
  kubernetes: Kubernetes
  links: Map<string, TcpProxy>
}

export async function startKubernetes (clients: readonly string[], progress: (line: string) => void): Promise<KubernetesServer> {
  const kubernetes = await Kubernetes.start({ progress })
  const links = new Map<string, TcpProxy>()
  for (const client of clients) links.set(client, await TcpProxy.start(new URL(kubernetes.url).host))
  return { kubernetes, links }
}
