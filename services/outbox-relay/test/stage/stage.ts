import { randomBytes } from 'node:crypto'
import { decodeCloudEvent } from '@orders/contracts/cloud-events'
import { createAdmin, type KafkaConnection, type StoredRecord } from '@orders/kafka'
import { startService, TcpProxy, testDatabase, testTopic, until, type ServiceProcess } from '@orders/local-stack/harness'
import { enqueue } from '@orders/outbox'
import pg from 'pg'
import type { Test } from 'tap'
import { Metrics } from './metrics.ts'

export interface StageOptions {
  kafka?: { brokers: string }
  postgres?: { url: string }
  /** Settings of every relay. */
  settings?: Record<string, string>
}

/** A relay as a process, with a proxy of its own between it and Postgres. */
export interface Relay {
  name: string
  service: ServiceProcess
  postgres: TcpProxy
}

/** What became of the events that were posted. */
export interface Verdict {
  lost: string[]
  twice: string[]
  /** By the first copy of each. */
  outOfOrder: string[]
}

/** An outbox and a topic of one test's own, a writer, and as many relays between them as the test wants. */
export class Stage {
  readonly topic: string
  readonly pool: pg.Pool
  readonly connection: KafkaConnection
  readonly databaseUrl: string
  readonly relayName: string
  readonly #t: Test
  readonly #settings: Record<string, string>
  readonly #versions = new Map<string, number>()
  readonly #posted = new Map<string, { aggregate: string, version: number }>()

  private constructor (t: Test, parts: Pick<Stage, 'topic' | 'pool' | 'connection' | 'databaseUrl' | 'relayName'>, settings: Record<string, string>) {
    this.#t = t
    this.topic = parts.topic
    this.pool = parts.pool
    this.connection = parts.connection
    this.databaseUrl = parts.databaseUrl
    this.relayName = parts.relayName
    this.#settings = settings
  }

  static async set (t: Test, { kafka, postgres, settings = {} }: StageOptions = {}): Promise<Stage> {
    const database = await testDatabase(t, { service: 'order-api', ...postgres === undefined ? {} : { server: postgres } })
    const { topic, brokers, connection } = await testTopic(t, kafka === undefined ? {} : { server: kafka })
    const pool = new pg.Pool({ connectionString: database.ownerUrl, max: 4 })
    pool.on('error', () => {})
    t.teardown(() => pool.end())
    // Position groups and leases outlive a test: no other one may find them.
    const relayName = `relay-${randomBytes(6).toString('hex')}`
    const databaseUrl = database.url('outbox_relay')
    return new Stage(t, { topic, pool, connection, databaseUrl, relayName }, {
      KAFKA_BROKERS: brokers, RELAY_NAME: relayName, RELAY_DEFAULT_TOPIC: topic, ...settings
    })
  }

  /** Starts a relay; resolves when it listens. */
  async relay (name: string, settings: Record<string, string> = {}): Promise<Relay> {
    const url = new URL(this.databaseUrl)
    const postgres = await TcpProxy.start(url.host)
    this.#t.teardown(() => postgres.close())
    url.host = postgres.address
    const service = await startService(this.#t, 'outbox-relay', { ...this.#settings, DATABASE_URL: url.href, RELAY_IDENTITY: name, ...settings })
    return { name, service, postgres }
  }

  /** Writes the next event of each aggregate, in one transaction, and wakes the relays. */
  async post (...aggregates: string[]): Promise<void> {
    const events = aggregates.map((aggregate) => {
      const version = (this.#versions.get(aggregate) ?? 0) + 1
      this.#versions.set(aggregate, version)
      return { aggregate, version }
    })
    const ids = await enqueue(this.pool, events.map(({ aggregate, version }) => ({
      aggregateType: 'order', aggregateId: aggregate, aggregateVersion: version, eventType: 'OrderChanged', payload: { aggregate, version }
    })))
    for (const [index, event] of events.entries()) this.#posted.set(ids[index] ?? '', event)
    await this.pool.query('NOTIFY outbox_wakeup')
  }

  /** Who published the shard last, by the name it was started with. */
  async leader (shard = 0): Promise<string | undefined> {
    const { rows: [row] } = await this.pool.query<{ holder: string }>('SELECT holder FROM relay_shard WHERE shard = $1', [shard])
    return row?.holder.replace(/-[0-9a-f]{8}$/, '')
  }

  async metrics ({ ops }: ServiceProcess): Promise<Metrics> {
    const response = await fetch(`${ops}/metrics`)
    return new Metrics(await response.text())
  }

  async epoch (shard = 0): Promise<number> {
    const { rows: [row] } = await this.pool.query<{ epoch: number }>('SELECT epoch::int FROM relay_shard WHERE shard = $1', [shard])
    return row?.epoch ?? 0
  }

  /** Resolves when nothing is left to publish. */
  async published (deadlineMs = 30_000): Promise<void> {
    await until(async () => {
      const { rows: [row] } = await this.pool.query<{ count: number }>('SELECT count(*)::int FROM outbox_events')
      if (row?.count !== 0) throw new Error(`${row?.count} events in the outbox`)
      return true
    }, { what: 'every event published', deadlineMs })
  }

  /** What a read-committed reader finds in the topic. */
  async records (): Promise<StoredRecord[]> {
    const admin = await createAdmin(this.connection)
    return admin.readTopic(this.topic).finally(() => admin.close())
  }

  async verdict (): Promise<Verdict> {
    const found = (await this.records()).map((record) => decodeCloudEvent(record))
    const copies = Map.groupBy(found, ({ id }) => id)
    const newest = new Map<string, number>()
    const outOfOrder: string[] = []
    for (const [first] of copies.values()) {
      if (first === undefined) continue
      if (first.aggregateVersion !== (newest.get(first.aggregateId) ?? 0) + 1) outOfOrder.push(this.#describe(first.id))
      newest.set(first.aggregateId, first.aggregateVersion)
    }
    return {
      lost: [...this.#posted.keys()].filter((id) => !copies.has(id)).map((id) => this.#describe(id)),
      twice: [...copies.values()].filter(({ length }) => length > 1).map(([copy]) => this.#describe(copy?.id ?? '')),
      outOfOrder
    }
  }

  #describe (id: string): string {
    const event = this.#posted.get(id)
    return event === undefined ? `unknown ${id}` : `${event.aggregate} ${event.version}`
  }
}

export const EXACTLY_ONCE: Verdict = { lost: [], twice: [], outOfOrder: [] }
