import { createAdmin, openPlainPublisher, type EventRecord, type KafkaAdmin, type StoredRecord } from '@orders/kafka'
import {
  startService, testDatabase, testKafka, testTopic, until, type ServiceProcess, type TestDatabase, type TestTopic
} from '@orders/testing/framework'
import { fetchMetrics } from '@orders/testing/framework/metrics'
import pg from 'pg'
import type { Test } from 'tap'

export interface Stats {
  orders: number
  byStatus: Record<string, number>
  applied: number
  duplicates: number
  gaps: number
  deadLetters: number
}

export interface SetUpOptions {
  partitions?: number
  kafka?: { brokers: string }
  postgres?: { url: string }
  /** 'missing' if the test creates the dead-letter topic itself. */
  deadLetterTopic?: 'exists' | 'missing'
}

/** A topic, a dead-letter topic and a database for one test, with queries for both. */
export class ConsumerFixture {
  readonly topic: string
  readonly deadLetterTopic: string
  readonly group: string
  readonly database: TestDatabase
  readonly admin: KafkaAdmin
  /** As superuser, to read what the consumer wrote. */
  readonly owner: pg.Pool
  readonly #t: Test
  readonly #server: TestTopic

  constructor (t: Test, server: TestTopic, deadLetterTopic: string, database: TestDatabase, admin: KafkaAdmin, owner: pg.Pool) {
    this.#t = t
    this.#server = server
    this.topic = server.topic
    this.group = `group-${server.topic}`
    this.deadLetterTopic = deadLetterTopic
    this.database = database
    this.admin = admin
    this.owner = owner
  }

  /** The settings of the order-consumer. */
  get env (): Record<string, string> {
    return {
      DATABASE_URL: this.database.url('order_consumer'),
      KAFKA_BROKERS: this.#server.brokers,
      CONSUMER_TOPIC: this.topic,
      CONSUMER_DEAD_LETTER_TOPIC: this.deadLetterTopic,
      CONSUMER_GROUP: this.group,
      CONSUMER_SESSION_TIMEOUT_MS: '6000'
    }
  }

  /** Starts an order-consumer process. */
  async start (env: Record<string, string> = {}): Promise<ServiceProcess> {
    return startService(this.#t, 'order-consumer', { ...this.env, ...env })
  }

  async publish (records: ReadonlyArray<Omit<EventRecord, 'topic'>>): Promise<void> {
    const publisher = await openPlainPublisher(this.#server.connection, { sendDeadlineMs: 20_000 })
    await publisher.publish(records.map((record) => ({ ...record, topic: this.topic }))).finally(() => publisher.close())
  }

  async deadLetters (): Promise<StoredRecord[]> {
    return this.admin.readTopic(this.deadLetterTopic)
  }

  /** Read from the database, so that no consumer has to run. */
  async stats (): Promise<Omit<Stats, 'orders' | 'byStatus'>> {
    const { rows: [row] } = await this.owner.query<Record<string, number>>(
      `SELECT coalesce(sum(applied), 0)::int AS applied, coalesce(sum(duplicates), 0)::int AS duplicates,
              coalesce(sum(gaps), 0)::int AS gaps, coalesce(sum(dead_letters), 0)::int AS "deadLetters" FROM consumer_stats`)
    return row as unknown as Omit<Stats, 'orders' | 'byStatus'>
  }

  /** Waits until this many records were applied, were duplicates, or became dead letters. */
  async settled (records: number, deadlineMs = 60_000): Promise<void> {
    await until(async () => {
      const { applied, duplicates, deadLetters } = await this.stats()
      return applied + duplicates + deadLetters >= records
    }, { what: `${records} records to be processed`, deadlineMs })
  }

  /** The ids of the events that took effect, once for each effect. */
  async effects (): Promise<string[]> {
    const { rows } = await this.owner.query<{ event_id: string }>('SELECT event_id FROM order_history ORDER BY event_id')
    return rows.map((row) => row.event_id)
  }

  async inbox (): Promise<string[]> {
    const { rows } = await this.owner.query<{ event_id: string }>('SELECT event_id FROM inbox ORDER BY event_id')
    return rows.map((row) => row.event_id)
  }

  /** By partition. 0 if nothing was committed yet. */
  async committed (): Promise<Map<number, bigint>> {
    return this.admin.committedOffsets(this.group, this.topic)
  }

  /** Waits until the group has committed the end of every partition. */
  async caughtUp (deadlineMs = 30_000): Promise<void> {
    await until(async () => {
      const [committed, ends] = await Promise.all([this.committed(), this.admin.endOffsets(this.topic)])
      return [...ends].every(([partition, end]) => end === 0n || committed.get(partition) === end)
    }, { what: 'the group to have committed everything', deadlineMs })
  }
}

export async function setUp (t: Test, { partitions = 1, kafka, postgres, deadLetterTopic = 'exists' }: SetUpOptions = {}): Promise<ConsumerFixture> {
  const server = await testTopic(t, { partitions, server: kafka ?? await testKafka(t) })
  const database = await testDatabase(t, { service: 'order-consumer', ...(postgres === undefined ? {} : { server: postgres }) })
  const admin = await createAdmin(server.connection)
  const letters = `${server.topic}.dlq`
  if (deadLetterTopic === 'exists') await admin.ensureTopics([{ topic: letters, partitions: 1 }])
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 3 })
  owner.on('error', () => {})
  t.teardown(async () => {
    await owner.end()
    await admin.deleteTopics([letters]).catch(() => {})
    await admin.close()
  })
  return new ConsumerFixture(t, server, letters, database, admin, owner)
}

export async function getJson (url: string): Promise<{ status: number, type: string | null, body: Record<string, unknown> }> {
  const response = await fetch(url, { signal: AbortSignal.timeout(15_000) })
  return { status: response.status, type: response.headers.get('content-type'), body: await response.json() as Record<string, unknown> }
}

/** A metric of the service, summed over its labels. */
export async function metric (service: ServiceProcess, name: string): Promise<number> {
  return (await fetchMetrics(service)).sum(name)
}
