import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { clusterId as newClusterId } from './cluster-id.ts'
import { freePort } from './free-port.ts'
import { kafkaJars, requireJava } from './kafka-jars.ts'
import type { Progress } from './progress.ts'
import { runCommand } from './run-command.ts'
import { closedOnFailure, ServerProcess } from './server-process.ts'

const READY_DEADLINE_MS = 120_000
const FILES = fileURLToPath(new URL('./kafka/', import.meta.url))

export interface KafkaOptions {
  keep?: boolean
  /** Where the data folder is made; the system's folder for temporary files if not given. */
  directory?: string
  /** `host:port` under which clients are told to find the broker, for a proxy in between. */
  advertise?: string
  /** Further broker settings. */
  settings?: Record<string, string>
  progress?: Progress
  /** As one of several brokers that make a cluster; see {@link KafkaCluster}. */
  member?: ClusterMember
}

/** What a broker has to know of the cluster that it is a part of. */
export interface ClusterMember {
  id: number
  clusterId: string
  /** Host and port of each member's controller, by id. */
  controllers: ReadonlyMap<number, string>
}

/** A real Kafka broker (KRaft, also its own controller) of our own on a free port of the loopback interface. */
export class Kafka {
  /** The broker's own address, also when another one is advertised. */
  readonly address: string
  readonly #folder: string
  readonly #jars: string
  readonly #options: KafkaOptions
  #properties: Readonly<Record<string, string>>
  #process: ServerProcess | undefined
  #starts = 0

  private constructor (address: string, folder: string, jars: string, properties: Record<string, string>, options: KafkaOptions) {
    this.address = address
    this.#folder = folder
    this.#jars = jars
    this.#properties = properties
    this.#options = options
  }

  static async start (options: KafkaOptions = {}): Promise<Kafka> {
    const { advertise, progress = () => {}, settings = {}, member } = options
    await requireJava()
    const jars = await kafkaJars(progress)
    const folder = await mkdtemp(join(options.directory ?? tmpdir(), 'orders-kafka-'))
    const [port, internalPort] = [await freePort(), await freePort()]
    const { id, clusterId, controllers } = member ?? { id: 1, clusterId: newClusterId(), controllers: new Map([[1, `127.0.0.1:${await freePort()}`]]) }
    const copies = String(Math.min(3, controllers.size))
    const inSync = controllers.size >= 3 ? '2' : '1'
    const properties: Record<string, string> = {
      'process.roles': 'broker,controller',
      'node.id': String(id),
      'controller.quorum.voters': [...controllers].map(([id, address]) => `${id}@${address}`).join(','),
      // The broker's connections to itself bypass every proxy.
      listeners: `CLIENT://127.0.0.1:${port},INTERNAL://127.0.0.1:${internalPort},CONTROLLER://${controllers.get(id)}`,
      'advertised.listeners': `CLIENT://${advertise ?? `127.0.0.1:${port}`},INTERNAL://127.0.0.1:${internalPort}`,
      'listener.security.protocol.map': 'CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'INTERNAL',
      'log.dirs': join(folder, 'data'),
      'auto.create.topics.enable': 'false',
      'num.partitions': '3',
      'default.replication.factor': copies,
      'min.insync.replicas': inSync,
      'offsets.topic.replication.factor': copies,
      'offsets.topic.num.partitions': '4',
      'transaction.state.log.replication.factor': copies,
      'transaction.state.log.min.isr': inSync,
      'transaction.state.log.num.partitions': '4',
      'share.coordinator.state.topic.replication.factor': copies,
      'share.coordinator.state.topic.min.isr': inSync,
      'share.coordinator.state.topic.num.partitions': '1',
      // Not three seconds' wait for more members when a group is new.
      'group.initial.rebalance.delay.ms': '0',
      'log.cleaner.dedupe.buffer.size': '2097152',
      'num.network.threads': '2',
      'num.io.threads': '4',
      ...settings
    }
    await writeProperties(folder, properties)
    await runCommand('java', [
      '-Xmx128m', '-XX:TieredStopAtLevel=1', `-Dlog4j2.configurationFile=${FILES}log4j2.properties`, '-cp', `${jars}/*`,
      'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', join(folder, 'server.properties')
    ], { removeWithParent: folder })
    const server = new Kafka(`127.0.0.1:${port}`, folder, jars, properties, options)
    await closedOnFailure(server, server.start())
    return server
  }

  /** Bootstrap address for clients. */
  get brokers (): string {
    return this.#options.advertise ?? this.address
  }

  /** Bootstrap address of the listener by which the broker talks to itself: past any proxy, and without a password. */
  get internalBrokers (): string {
    return /INTERNAL:\/\/([^,]+)/.exec(this.#properties['advertised.listeners'] ?? '')?.[1] ?? ''
  }

  get pid (): number {
    return this.#running.pid
  }

  /**
   * Starts the broker again, on the same data and port, after {@link Kafka.stop} or {@link Kafka.kill}.
   *
   * @param settings that are others from now on
   */
  async start (settings: Record<string, string> = {}): Promise<void> {
    this.#properties = { ...this.#properties, ...settings }
    await writeProperties(this.#folder, this.#properties)
    this.#starts++
    this.#process = await ServerProcess.start({
      name: 'kafka',
      command: 'java',
      args: [
        ...this.#options.member === undefined ? ['-Xms256m', '-Xmx512m'] : ['-Xms192m', '-Xmx384m'], '-XX:+UseG1GC', `-Dlog4j2.configurationFile=${FILES}log4j2.properties`, '-cp', `${this.#jars}/*`,
        'kafka.Kafka', join(this.#folder, 'server.properties')
      ],
      logFile: join(this.#folder, 'kafka.log'),
      stopSignal: 'SIGTERM',
      removeWithParent: this.#options.keep === true ? undefined : this.#folder
    })
    await this.#process.untilReady(() => this.#probe(), READY_DEADLINE_MS)
  }

  async stop (): Promise<void> {
    await this.#process?.stop()
  }

  kill (signal: NodeJS.Signals): void {
    this.#running.kill(signal)
  }

  /** Resolves when the process has ended. */
  async exited (): Promise<void> {
    await this.#process?.exited
  }

  /** Ends the broker and removes its data. */
  async close (): Promise<void> {
    if (this.#options.keep === true) {
      await this.stop()
      return
    }
    // Its data is removed: no reason to wait for a clean shutdown.
    this.#process?.kill('SIGKILL')
    await this.#process?.exited
    await rm(this.#folder, { recursive: true, force: true })
  }

  get #running (): ServerProcess {
    if (this.#process === undefined) throw new Error('expected a started Kafka, found none')
    return this.#process
  }

  /** By its log: the advertised address may be that of a proxy that does not run yet. */
  async #probe (): Promise<void> {
    const log = await readFile(join(this.#folder, 'kafka.log'), 'utf8')
    if ((log.match(/Kafka Server started/g)?.length ?? 0) < this.#starts) throw new Error('its log has no "Kafka Server started" yet')
  }
}

async function writeProperties (folder: string, properties: Readonly<Record<string, string>>): Promise<void> {
  await writeFile(join(folder, 'server.properties'), Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(''))
}
