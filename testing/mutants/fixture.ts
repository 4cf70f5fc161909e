import { randomUUID } from 'node:crypto'
import { ORDER_AGGREGATE_TYPE, type OrderEventType, type OrderStatus } from '@orders/contracts'
import { broken, check, Recorder, type Answer, type ClientEntry, type FinalState, type Verdict } from '../checker/index.ts'
import type { KafkaConnection } from '@orders/kafka'
import { testDatabase, testTopic, until, type TestContext, type TestDatabase } from '../framework/index.ts'
import { enqueue } from '@orders/outbox'
import { withTransaction } from '@orders/service-kit'
import type { FastifyRequest } from 'fastify'
import pg from 'pg'
import { insertOrder, updateStatus } from '../../services/order-api/src/orders/repository.ts'
import { withIdempotency } from '../../services/order-api/src/idempotency/with-idempotency.ts'
import type { Order } from '../../services/order-api/src/schemas/order.ts'
import { installAudit } from '../checker/observation/audit.ts'
import { readFinalState } from '../checker/observation/final-state.ts'

const MARKERS_DEADLINE_MS = 5_000

/** The invariants that depend on the writer and the relay, and those that depend on the consumer. */
const PUBLISHING = ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I10', 'I11', 'I17', 'I18']
const CONSUMING = ['I9', 'I12', 'I13']

const CHANGES = {
  create: { eventType: 'OrderCreated', from: [], to: 'PENDING' },
  confirm: { eventType: 'OrderConfirmed', from: ['PENDING'], to: 'CONFIRMED' }
} as const satisfies Record<string, { eventType: OrderEventType, from: readonly OrderStatus[], to: OrderStatus }>

export type Change = keyof typeof CHANGES

export interface FixtureOptions {
  /** A broker behind a proxy, to break the link. */
  server?: { brokers: string }
  partitions?: number
  delivery?: 'exactly-once' | 'at-least-once'
  consumer?: { group: string, deadLetterTopic: string }
}

/** Runs in the writer's transaction, after the order was written. */
export type Enqueue = (client: pg.PoolClient, order: Order, eventType: OrderEventType) => Promise<unknown>

/** Databases and a topic for one mutant, a writer that records its requests, and the checker at the end. */
export class Fixture {
  readonly orders: TestDatabase
  readonly views: TestDatabase
  readonly topic: string
  readonly connection: KafkaConnection
  readonly recorder = new Recorder()
  readonly admin: pg.Pool
  readonly writer: pg.Pool
  readonly #options: FixtureOptions
  #operations = 0

  private constructor (orders: TestDatabase, views: TestDatabase, topic: string, connection: KafkaConnection, options: FixtureOptions) {
    this.orders = orders
    this.views = views
    this.topic = topic
    this.connection = connection
    this.admin = openPool(orders.ownerUrl, 'fixture')
    this.writer = openPool(orders.url('order_api'), 'writer')
    this.#options = options
  }

  static async open (t: TestContext, options: FixtureOptions = {}): Promise<Fixture> {
    const { server, partitions = 1 } = options
    const [orders, views, { topic, connection }] = await Promise.all([
      testDatabase(t, { service: 'order-api' }),
      testDatabase(t, { service: 'order-consumer' }),
      testTopic(t, { partitions, ...(server === undefined ? {} : { server }) })
    ])
    await installAudit(orders.ownerUrl)
    const fixture = new Fixture(orders, views, topic, connection, options)
    t.teardown(async () => { await Promise.all([fixture.admin.end(), fixture.writer.end()]) })
    return fixture
  }

  /** One request: a change of an order with its event, in one transaction, recorded as a client would see it. */
  async place (change: Change, order?: string, enqueueEvent: Enqueue = enqueueChange): Promise<Order | undefined> {
    const id = order ?? randomUUID()
    const finish = this.begin(change, id)
    try {
      const changed = await withTransaction(this.writer, async (client) => {
        const changed = await write(client, change, id)
        await enqueueEvent(client, changed, CHANGES[change].eventType)
        return changed
      })
      finish('ok', changed)
      return changed
    } catch {
      finish('info')
      return undefined
    }
  }

  /** Records the beginning of a request; the answer records its end. */
  begin (change: Change, order: string, key?: string): (type: 'ok' | 'info', order?: Order, again?: readonly Order[]) => void {
    const entry = { kind: 'client' as const, process: 'writer', f: change, op: ++this.#operations, ...(key === undefined ? {} : { key }) }
    this.recorder.record({ ...entry, type: 'invoke', ...(change === 'create' ? { origin: customerOf(order) } : { order }) })
    return (type, order, again = []) => {
      const answer: Partial<ClientEntry> = order === undefined ? {} : toAnswer(order)
      this.recorder.record({ ...entry, type, ...answer, ...(again.length === 0 ? {} : { again: again.map(toAnswer) }) })
    }
  }

  /** A request that makes an order, with an Idempotency-Key, as order-api carries it out. Not recorded: a client may try it more than once. */
  async createOnce (key: string, origin: string, answer: typeof withIdempotency = withIdempotency, enqueueEvent: Enqueue = enqueueChange): Promise<Order> {
    const request = { method: 'POST', url: '/orders', headers: { 'idempotency-key': key }, body: { customerId: customerOf(origin) } }
    const { answer: { body } } = await answer(this.writer, request as unknown as FastifyRequest, async (client) => {
      const order = await insertOrder(client, { id: randomUUID(), customerId: customerOf(origin) })
      await enqueueEvent(client, order, 'OrderCreated')
      return { statusCode: 201, body: order }
    })
    return body
  }

  /** A transaction that has written an order and its event, and is still open. */
  async placeSlowly (): Promise<{ order: Order, commit: () => Promise<void> }> {
    const id = randomUUID()
    const finish = this.begin('create', id)
    const client = await this.writer.connect()
    await client.query('BEGIN')
    const order = await write(client, 'create', id)
    await enqueueChange(client, order, 'OrderCreated')
    return {
      order,
      async commit () {
        await client.query('COMMIT')
        client.release()
        finish('ok', order)
      }
    }
  }

  async untilOutboxIsEmpty (): Promise<void> {
    await this.untilCount('SELECT FROM outbox_events', 0, 'the outbox to be empty')
  }

  async untilPublished (order: Order): Promise<void> {
    await this.untilCount(`SELECT FROM outbox_events WHERE aggregate_id = '${order.id}'`, 0, 'the order to be published')
  }

  async untilCount (sql: string, count: number, what: string): Promise<void> {
    await until(async () => {
      const { rowCount } = await this.admin.query(sql)
      if (rowCount !== count) throw new Error(`${rowCount} rows`)
      return true
    }, { what })
  }

  /** The verdicts on the parts that ran. */
  async check (): Promise<Verdict[]> {
    const { consumer, delivery = 'exactly-once' } = this.#options
    const final = await this.#settledState()
    const verdicts = check({
      description: {
        seed: 0, startedAt: '', durationMs: this.recorder.now, delivery, refused: 'block', batchEvents: 1_000, recoveryDeadlineMs: 0, schedule: []
      },
      entries: this.recorder.entries,
      final
    })
    const relevant = consumer === undefined ? PUBLISHING : [...PUBLISHING, ...CONSUMING]
    return verdicts.filter(({ invariant }) => relevant.includes(invariant))
  }

  /**
   * Kafka answers a commit before it has written the markers that make the records visible. So this reads again until every event
   * is somewhere and nothing new arrives. An event that a mutant lost never arrives.
   */
  async #settledState (): Promise<FinalState> {
    const read = () => readFinalState({
      ordersUrl: this.orders.ownerUrl,
      viewsUrl: this.views.ownerUrl,
      connection: this.connection,
      topic: this.topic,
      consumer: this.#options.consumer,
      health: {}
    })
    const giveUpAt = performance.now() + MARKERS_DEADLINE_MS
    let earlier = await read()
    for (;;) {
      const final = await read()
      const published = new Set(final.topic.map(({ event }) => event))
      const missing = final.enqueued.filter(({ event }) => !published.has(event)).length
      const elsewhere = final.outbox.length + final.deadLetters.length
      if (final.topic.length === earlier.topic.length && (missing <= elsewhere || performance.now() > giveUpAt)) return final
      earlier = final
    }
  }

  async broken (): Promise<string[]> {
    return broken(await this.check())
  }
}

/** Unique, so that the checker finds the create of an order by it. */
function customerOf (origin: string): string {
  return `customer-of-${origin}`
}

function toAnswer ({ id, version, status }: Order): Answer {
  return { order: id, version, status }
}

/** A pool of one process: the audit tells processes apart by the application name. */
export function openPool (url: string, applicationName: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, application_name: applicationName, max: 5, connectionTimeoutMillis: 5_000 })
  pool.on('error', () => {})
  pool.on('connect', (client) => { client.on('error', () => {}) })
  return pool
}

async function write (client: pg.PoolClient, change: Change, order: string): Promise<Order> {
  if (change === 'create') return insertOrder(client, { id: order, customerId: customerOf(order) })
  const changed = await updateStatus(client, order, CHANGES[change].from, CHANGES[change].to)
  if (changed === undefined) throw new Error(`expected an order ${order} to ${change}, found none`)
  return changed
}

export async function enqueueChange (client: pg.PoolClient, order: Order, eventType: OrderEventType, padding = ''): Promise<unknown> {
  return enqueue(client, {
    aggregateType: ORDER_AGGREGATE_TYPE,
    aggregateId: order.id,
    aggregateVersion: order.version,
    eventType,
    payload: { orderId: order.id, customerId: order.customerId, ...(padding === '' ? {} : { padding }) }
  })
}
