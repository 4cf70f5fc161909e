import { freePort, Kafka, Kubernetes, Postgres } from '@orders/local-stack'
import { TcpProxy } from '@orders/local-stack/harness'
import type { SmallDisk } from './small-disk.ts'

/** The broker addresses of every client: each goes through a link of its own. */
export interface Brokers {
  kafka: Kafka
  links: Map<string, TcpProxy>
  /** Past all links, for the inspection of the topic. */
  direct: string
}

/** A broker with one listener for each client, advertised under the address of that client's link. */
export async function startKafka (clients: readonly string[], progress: (line: string) => void, disk?: SmallDisk): Promise<Brokers> {
  const links = new Map<string, TcpProxy>()
  const listeners = ['CONTROLLER', 'INTERNAL', 'DIRECT', ...clients.map(listenerOf)]
  const ports = new Map<string, number>()
  for (const listener of listeners) ports.set(listener, await freePort())
  const own = (listener: string) => `127.0.0.1:${ports.get(listener)}`
  for (const client of clients) links.set(client, await TcpProxy.start(own(listenerOf(client))))
  const advertised = [`INTERNAL://${own('INTERNAL')}`, `DIRECT://${own('DIRECT')}`, ...clients.map((client) => `${listenerOf(client)}://${links.get(client)?.address}`)]
  const kafka = await Kafka.start({
    progress,
    ...(disk === undefined ? {} : { directory: disk.folder }),
    settings: {
      listeners: listeners.map((listener) => `${listener}://${own(listener)}`).join(','),
      'advertised.listeners': advertised.join(','),
      'listener.security.protocol.map': listeners.map((listener) => `${listener}:PLAINTEXT`).join(','),
      'controller.quorum.voters': `1@${own('CONTROLLER')}`,
      'log.retention.ms': '-1'
    }
  })
  return { kafka, links, direct: own('DIRECT') }
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
