import { createAdmin, runConsumer, type ConsumedBatch } from '@orders/kafka'
import { testTopic, until, type TestContext } from '../../framework/index.ts'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import type pg from 'pg'
import { BatchHandler } from '../../../services/order-consumer/src/apply/batch-handler.ts'
import { TableHealth } from '../../../services/order-consumer/src/apply/table-health.ts'
import { ConsumerMetrics } from '../../../services/order-consumer/src/apply/metrics.ts'
import { DeadLetterTopic } from '../../../services/order-consumer/src/dead-letters/dead-letters.ts'
import { testMutant } from '../mutant-test.ts'
import { Gate } from '../gate.ts'
import { startRelay } from '../relay-parts.ts'
import { openPool, Fixture } from '../fixture.ts'

interface ConsumerOptions {
  pool?: pg.Pool
  throughHandler?: (handle: (batch: ConsumedBatch) => Promise<void>) => (batch: ConsumedBatch) => Promise<void>
}

/** A fixture with three orders in the topic, and the names that a consumer needs. */
async function openConsumerFixture (t: TestContext): Promise<{ fixture: Fixture, group: string, deadLetterTopic: string }> {
  const { topic: deadLetterTopic } = await testTopic(t, { partitions: 1 })
  const group = `group-${deadLetterTopic}`
  const fixture = await Fixture.open(t, { consumer: { group, deadLetterTopic } })
  t.teardown(async () => {
    const admin = await createAdmin(fixture.connection)
    await admin.deleteGroups([group]).finally(() => admin.close())
  })
  const relay = startRelay(t, fixture)
  const order = await fixture.place('create')
  await fixture.place('create')
  await fixture.place('confirm', order?.id)
  await fixture.untilOutboxIsEmpty()
  await relay.stop()
  return { fixture, group, deadLetterTopic }
}

/** The consumer of the product in this process. */
async function startConsumer (
  t: TestContext, { fixture, group, deadLetterTopic }: Awaited<ReturnType<typeof openConsumerFixture>>, { pool: given, throughHandler = (handle) => handle }: ConsumerOptions = {}
): Promise<{ stop: () => Promise<void> }> {
  const pool = given ?? openPool(fixture.views.url('order_consumer'), 'consumer')
  const logger = pino({ level: 'silent' })
  const deadLetters = new DeadLetterTopic(fixture.connection, deadLetterTopic)
  const handler = new BatchHandler({ pool, deadLetters, metrics: new ConsumerMetrics(new Registry()), logger, poisonAttempts: 3, refusalsInARow: 10, tables: new TableHealth(logger) })
  const consumer = runConsumer({
    connection: fixture.connection,
    groupId: group,
    topics: [fixture.topic],
    onFatal: () => {},
    minRetryDelayMs: 20,
    handleBatch: throughHandler((batch) => handler.handle(batch))
  })
  let stopped: Promise<void> | undefined
  const end = async () => {
    await consumer.stop()
    await deadLetters.close()
    await pool.end()
  }
  const running = {
    stop () {
      stopped ??= end()
      return stopped
    }
  }
  t.teardown(() => running.stop())
  return running
}

/** Resolves when the group has committed the end of the topic. */
async function untilConsumed ({ fixture, group }: { fixture: Fixture, group: string }): Promise<void> {
  const admin = await createAdmin(fixture.connection)
  try {
    await until(async () => {
      const end = (await admin.endOffsets(fixture.topic)).get(0)
      return end !== undefined && (await admin.committedOffsets(group, fixture.topic)).get(0) === end
    }, { what: 'the group to have committed everything' })
  } finally {
    await admin.close()
  }
}

testMutant({
  mutant: 'the inbox is written outside the transaction of the effect',
  fault: 'the session is lost between the two',
  breaks: ['I9'],
  async run (t, mutated) {
    const parts = await openConsumerFixture(t)
    const { fixture } = parts
    const pool = openPool(fixture.views.url('order_consumer'), 'consumer')
    let lost = false
    const consumer = await startConsumer(t, parts, {
      pool: throughPool(pool, async (client, query, run) => {
        if (query.name === 'insert_inbox' && mutated) return pool.query(query as pg.QueryConfig)
        if (query.name === 'write_history' && !lost) {
          lost = true
          const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
          await fixture.admin.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
        }
        return run()
      })
    })
    await untilConsumed(parts)
    await consumer.stop()
    return fixture
  }
})

testMutant({
  mutant: 'offsets are committed before the effect',
  fault: 'the consumer ends in between',
  breaks: ['I9', 'I12', 'I13'],
  async run (t, mutated) {
    const parts = await openConsumerFixture(t)
    const gate = new Gate()
    const first = await startConsumer(t, parts, {
      // The effect is still to come when its offset is committed; then there is no more consumer for it.
      throughHandler: (handle) => mutated ? async () => {} : async (batch) => { await gate.pass(); await handle(batch) }
    })
    if (mutated) await untilConsumed(parts)
    else await gate.arrived
    gate.open()
    await first.stop()
    const second = await startConsumer(t, parts)
    await untilConsumed(parts)
    await second.stop()
    return parts.fixture
  }
})

type Intercept = (client: pg.PoolClient, query: { name?: string | undefined }, run: () => Promise<unknown>) => Promise<unknown>

/** A pool whose clients' statements go through a seam. */
function throughPool (pool: pg.Pool, intercept: Intercept): pg.Pool {
  return new Proxy(pool, {
    get (target, name) {
      if (name === 'connect') return async () => throughClient(await target.connect(), intercept)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) as unknown : value
    }
  })
}

function throughClient (client: pg.PoolClient, intercept: Intercept): pg.PoolClient {
  return new Proxy(client, {
    get (target, name) {
      if (name === 'query') {
        return (query: string | pg.QueryConfig) => typeof query === 'string' ? target.query(query) : intercept(target, query, () => target.query(query))
      }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) as unknown : value
    }
  })
}
