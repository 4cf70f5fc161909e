import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { decodeCloudEvent } from '@orders/contracts/cloud-events'
import { createAdmin, type KafkaConnection, type StoredRecord } from '@orders/kafka'
import { startService, TcpProxy, testDatabase, testTopic, until, type ServiceProcess } from '@orders/testing/framework'
import { enqueue } from '@orders/outbox'
import pg from 'pg'
import type { Test } from 'tap'
import { Metrics } from './metrics.ts'

const MARKERS_DEADLINE_MS = 15_000

export interface StageOptions {
  kafka?: { brokers: string }
  postgres?: { url: string }
  /** Settings of every relay. */
  settings?: Record<string, string>
  topicConfig?: Record<string, string>
}

/** An event to be written: the next one of its aggregate. */
export interface Post {
  aggregate: string
  type?: string
  /** Of the payload. */
  bytes?: number
}

type StageParts = Pick<Stage, 'topic' | 'brokers' | 'pool' | 'connection' | 'databaseUrl' | 'writerUrl' | 'operatorUrl' | 'relayName'>

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
  readonly brokers: string
  readonly pool: pg.Pool
  readonly connection: KafkaConnection
  readonly databaseUrl: string
  readonly writerUrl: string
  readonly operatorUrl: string
  readonly relayName: string
  readonly #t: Test
  readonly #settings: Record<string, string>
  readonly #versions = new Map<string, number>()
  readonly #posted = new Map<string, string>()

  private constructor (t: Test, parts: StageParts, settings: Record<string, string>) {
    this.#t = t
    this.topic = parts.topic
    this.brokers = parts.brokers
    this.pool = parts.pool
    this.connection = parts.connection
    this.databaseUrl = parts.databaseUrl
    this.writerUrl = parts.writerUrl
    this.operatorUrl = parts.operatorUrl
    this.relayName = parts.relayName
    this.#settings = settings
  }

  static async set (t: Test, { kafka, postgres, settings = {}, topicConfig = {} }: StageOptions = {}): Promise<Stage> {
    const database = await testDatabase(t, { service: 'order-api', ...postgres === undefined ? {} : { server: postgres } })
    const { topic, brokers, connection } = await testTopic(t, { config: topicConfig, ...kafka === undefined ? {} : { server: kafka } })
    const pool = new pg.Pool({ connectionString: database.ownerUrl, max: 4 })
    pool.on('error', () => {})
    t.teardown(() => pool.end())
    // Position groups and leases outlive a test: no other one may find them.
    const relayName = `relay-${randomBytes(6).toString('hex')}`
    const parts = {
      topic,
      brokers,
      pool,
      connection,
      databaseUrl: database.url('outbox_relay'),
      writerUrl: database.url('order_api'),
      operatorUrl: database.url('outbox_operator'),
      relayName
    }
    return new Stage(t, parts, {
      KAFKA_BROKERS: brokers, RELAY_NAME: relayName, RELAY_DEFAULT_TOPIC: topic, ...settings
    })
  }

  /**
   * Starts a relay; resolves when it listens.
   *
   * @param prepare what to do with its link to Postgres before
   */
  async relay (name: string, settings: Record<string, string> = {}, prepare: (postgres: TcpProxy) => void = () => {}): Promise<Relay> {
    const url = new URL(this.databaseUrl)
    const postgres = await TcpProxy.start(url.host)
    this.#t.teardown(() => postgres.close())
    url.host = postgres.address
    prepare(postgres)
    const service = await startService(this.#t, 'outbox-relay', { ...this.#settings, DATABASE_URL: url.href, RELAY_IDENTITY: name, ...settings })
    return { name, service, postgres }
  }

  /** Writes the next event of each aggregate, in one transaction, and wakes the relays. */
  async post (...posts: Array<string | Post>): Promise<void> {
    const events = posts.map((post) => {
      const { aggregate, type = 'order', bytes = 0 } = typeof post === 'string' ? { aggregate: post } : post
      const version = (this.#versions.get(aggregate) ?? 0) + 1
      this.#versions.set(aggregate, version)
      return { aggregateType: type, aggregateId: aggregate, aggregateVersion: version, eventType: 'Changed', payload: { version, filling: 'x'.repeat(bytes) } }
    })
    const ids = await enqueue(this.pool, events)
    for (const [index, { aggregateId, aggregateVersion }] of events.entries()) this.#posted.set(ids[index] ?? '', `${aggregateId} ${aggregateVersion}`)
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

  /** How many events are in the outbox. */
  async waiting (): Promise<number> {
    const { rows: [row] } = await this.pool.query<{ count: number }>('SELECT count(*)::int FROM outbox_events')
    return row?.count ?? 0
  }

  /** Resolves when no more than these are left in the outbox. */
  async published ({ but = 0, deadlineMs = 30_000 } = {}): Promise<void> {
    await until(async () => {
      const waiting = await this.waiting()
      if (waiting !== but) throw new Error(`${waiting} events in the outbox`)
      return true
    }, { what: but === 0 ? 'every event published' : `every event but ${but} published`, deadlineMs })
  }

  async configureTopic (config: Record<string, string>): Promise<void> {
    const admin = await createAdmin(this.connection)
    await admin.configureTopic(this.topic, config).finally(() => admin.close())
  }

  /**
   * What a read-committed reader finds in the topic. Kafka answers a commit before it has written the markers that make
   * the records visible, so a reader that comes too early waits until so many different events are there; when they do
   * not come, it returns what there is.
   */
  async records ({ topic = this.topic, atLeast = 0 } = {}): Promise<StoredRecord[]> {
    const admin = await createAdmin(this.connection)
    const giveUpAt = performance.now() + MARKERS_DEADLINE_MS
    try {
      for (;;) {
        const records = await admin.readTopic(topic)
        if (new Set(records.map(({ headers }) => String(headers.ce_id))).size >= atLeast || performance.now() > giveUpAt) return records
        await delay(50)
      }
    } finally {
      await admin.close()
    }
  }

  /** @param but how many of the events that were posted cannot be in the topic */
  async verdict ({ but = 0, topic = this.topic } = {}): Promise<Verdict> {
    const records = await this.records({ topic, atLeast: this.#posted.size - but })
    // In a topic that two share, the other's are not ours to judge.
    const found = records.map((record) => decodeCloudEvent(record)).filter(({ id }) => topic === this.topic || this.#posted.has(id))
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
    return this.#posted.get(id) ?? `unknown ${id}`
  }
}

export const EXACTLY_ONCE: Verdict = { lost: [], twice: [], outOfOrder: [] }
