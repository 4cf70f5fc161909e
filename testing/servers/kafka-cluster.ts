import { clusterId } from './cluster-id.ts'
import { freePort } from './free-port.ts'
import { Kafka, type KafkaOptions } from './kafka.ts'

export interface KafkaClusterOptions extends Omit<KafkaOptions, 'advertise' | 'member' | 'settings'> {
  /** How many brokers; each is a controller too. Three keep three replicas, of which two have to be in sync. */
  brokers: 1 | 3
  /** Further settings of each broker, by its id: 1, 2, … */
  settings?: (id: number, controller: string) => Record<string, string>
}

/** Real Kafka brokers that make one cluster. One alone is a cluster too. */
export class KafkaCluster {
  /** By id: the first one has the id 1. */
  readonly nodes: readonly Kafka[]

  private constructor (nodes: readonly Kafka[]) {
    this.nodes = nodes
  }

  static async start ({ brokers, settings = () => ({}), ...options }: KafkaClusterOptions): Promise<KafkaCluster> {
    const ids = Array.from({ length: brokers }, (_, index) => index + 1)
    const controllers = new Map<number, string>()
    for (const id of ids) controllers.set(id, `127.0.0.1:${await freePort()}`)
    const cluster = clusterId()
    // Together: a broker is not ready before the controllers have a majority.
    const starting = await Promise.allSettled(ids.map((id) => Kafka.start({
      ...options, settings: settings(id, controllers.get(id) ?? ''), member: { id, clusterId: cluster, controllers }
    })))
    const nodes = starting.flatMap((outcome) => outcome.status === 'fulfilled' ? [outcome.value] : [])
    const failed = starting.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) {
      await Promise.all(nodes.map((node) => node.close()))
      throw failed.reason
    }
    return new KafkaCluster(nodes)
  }

  /** @throws Error when there is no broker with this id */
  node (id: number): Kafka {
    const node = this.nodes[id - 1]
    if (node === undefined) throw new Error(`expected a broker with an id from 1 to ${this.nodes.length}, found ${id}`)
    return node
  }

  /** Bootstrap addresses for clients. */
  get brokers (): string {
    return this.nodes.map(({ brokers }) => brokers).join(',')
  }

  /** Ends all brokers and removes their data. */
  async close (): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()))
  }
}
