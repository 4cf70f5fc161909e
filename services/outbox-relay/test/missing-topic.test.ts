import { createAdmin } from '@orders/kafka'
import { securedKafka, testTopic, until, type ServiceProcess } from '@orders/local-stack/harness'
import t from 'tap'
import { Stage } from './stage/stage.ts'

const ORDERS = ['a', 'b', 'c']

function invoices (count: number, from = 0): Array<{ aggregate: string, type: string }> {
  return Array.from({ length: count }, (_, index) => ({ aggregate: `invoice-${from + index}`, type: 'invoice' }))
}

async function untilLogged (service: ServiceProcess, event: string, topic: string): Promise<Record<string, unknown>> {
  return until(() => service.logs.find((line) => line.event === event && line.topic === topic), { what: `${event} of ${topic}` })
}

async function createTopic (stage: Stage, topic: string): Promise<void> {
  const admin = await createAdmin(stage.connection)
  await admin.ensureTopics([{ topic, partitions: 1 }]).finally(() => admin.close())
}

async function deleteTopic (stage: Stage, topic: string): Promise<void> {
  const admin = await createAdmin(stage.connection)
  await admin.deleteTopics([topic]).finally(() => admin.close())
}

async function deadLetters (stage: Stage): Promise<number> {
  const { rowCount } = await stage.pool.query('SELECT FROM outbox_dead_letters')
  return rowCount ?? 0
}

/** The ids of a topic's records, by aggregate and version. */
async function inTopic (stage: Stage, topic: string, atLeast: number): Promise<string[]> {
  return (await stage.records({ topic, atLeast })).map(({ key, headers }) => `${key} ${String(headers.ce_aggregateversion)}`)
}

for (const delivery of ['exactly-once', 'at-least-once']) {
  t.test(`${delivery}: a topic that is missing from the start holds its own events back, until it is there`, async (t) => {
    const missing = `missing-${Math.random().toString(36).slice(2)}`
    const stage = await Stage.set(t, { settings: { RELAY_DELIVERY: delivery, RELAY_LEASE: 'none', RELAY_TOPICS: `invoice=${missing}` } })
    const { service } = await stage.relay('relay')
    await stage.post(...ORDERS, ...invoices(20), ...ORDERS)
    await stage.published({ but: 20 })
    for (let times = 0; times < 10; times++) await stage.post(...ORDERS, ...invoices(2))
    await stage.published({ but: 40 })

    const line = await untilLogged(service, 'topic_withheld', missing)
    t.match(line, { reason: 'UNKNOWN_TOPIC_OR_PARTITION', types: ['invoice'], settings: 'RELAY_TOPICS', level: 'error' })
    const metrics = await stage.metrics(service)
    t.equal(metrics.sum('relay_topics_withheld', `topic="${missing}"`), 1)
    t.equal(metrics.sum('relay_topics_withheld'), 1)
    t.equal(metrics.sum('relay_publish_failures_total'), 0, 'it was left out before anything was sent')
    t.equal(await stage.epoch(), 1, 'no take-over')
    t.equal(await deadLetters(stage), 0)
    await until(async () => {
      const page = await stage.metrics(service)
      return page.sum('outbox_blocked_events', 'by="topic"') === 40 && page.sum('outbox_oldest_age_seconds') === 0
    }, { what: 'the events told apart from what is stuck' })

    await createTopic(stage, missing)
    await stage.published()
    const expected = [...Array(20).keys()].map((index) => `invoice-${index} 1`)
    const found = await inTopic(stage, missing, 40)
    t.equal(found.length, 40, 'each once')
    t.same(expected.filter((id) => !found.includes(id)), [])
    for (const aggregate of ['invoice-0', 'invoice-1']) {
      t.same(found.filter((id) => id.startsWith(`${aggregate} `)), Array.from({ length: 11 }, (_, index) => `${aggregate} ${index + 1}`), 'in order')
    }
    await untilLogged(service, 'topic_back', missing)
    t.equal((await stage.metrics(service)).sum('relay_topics_withheld'), 0)
  })
}

for (const delivery of ['exactly-once', 'at-least-once']) {
  t.test(`${delivery}: a topic that is deleted while events flow to it costs one take-over`, async (t) => {
    const invoiceTopic = await testTopic(t, { partitions: 1 })
    const creditTopic = await testTopic(t, { partitions: 1 })
    const stage = await Stage.set(t, {
      settings: { RELAY_DELIVERY: delivery, RELAY_LEASE: 'none', RELAY_TOPICS: `invoice=${invoiceTopic.topic},credit=${creditTopic.topic}` }
    })
    await stage.relay('relay')
    await stage.post(...ORDERS, ...invoices(3))
    await stage.published()
    const epoch = await stage.epoch()

    await Promise.all([deleteTopic(stage, invoiceTopic.topic), deleteTopic(stage, creditTopic.topic)])
    for (let times = 0; times < 10; times++) await stage.post(...ORDERS, ...invoices(3), { aggregate: 'credit', type: 'credit' })
    await until(async () => {
      const { rows: [row] } = await stage.pool.query<{ orders: number }>('SELECT count(*)::int AS orders FROM outbox_events WHERE aggregate_type = \'order\'')
      return row?.orders === 0
    }, { what: 'the orders published' })
    t.ok(await stage.epoch() <= epoch + 2, `${await stage.epoch() - epoch} take-overs`)
    t.equal(await deadLetters(stage), 0)

    await createTopic(stage, invoiceTopic.topic)
    await createTopic(stage, creditTopic.topic)
    await stage.published()
    t.same((await inTopic(stage, creditTopic.topic, 1)).at(-1), 'credit 10')
  })
}

t.test('the default topic is missing: at least once, the types that have another one go on', async (t) => {
  const invoiceTopic = await testTopic(t)
  const missing = `missing-${Math.random().toString(36).slice(2)}`
  const stage = await Stage.set(t, {
    settings: { RELAY_DELIVERY: 'at-least-once', RELAY_LEASE: 'none', RELAY_DEFAULT_TOPIC: missing, RELAY_TOPICS: `invoice=${invoiceTopic.topic}` }
  })
  const { service } = await stage.relay('relay')
  await stage.post(...ORDERS, ...invoices(5))
  await stage.published({ but: ORDERS.length })
  t.match(await untilLogged(service, 'topic_withheld', missing), { settings: 'RELAY_DEFAULT_TOPIC' })
  await createTopic(stage, missing)
  await stage.published()
})

t.test('exactly once needs the default topic for its position: without it the relay waits, says so, and does not spin', async (t) => {
  const missing = `missing-${Math.random().toString(36).slice(2)}`
  const stage = await Stage.set(t, { settings: { RELAY_LEASE: 'none', RELAY_DEFAULT_TOPIC: missing, RELAY_PROGRESS_DEADLINE_MS: '1000' } })
  const { service } = await stage.relay('relay')
  await stage.post(...ORDERS)
  const line = await untilLogged(service, 'position_topic_unavailable', missing)
  t.match(line, { settings: 'RELAY_DEFAULT_TOPIC', msg: /RELAY_DEFAULT_TOPIC.*right to read/ })
  await until(async () => (await fetch(`${service.ops}/readyz`)).status === 503, { what: 'the relay not ready' })
  const ready = await fetch(`${service.ops}/readyz`)
  t.match(await ready.text(), new RegExp(`topic ${missing} \\(RELAY_DEFAULT_TOPIC\\)`))
  t.equal(await stage.epoch(), 0, 'no take-over without any use')
  await createTopic(stage, missing)
  await stage.published()
  await until(async () => (await fetch(`${service.ops}/readyz`)).status === 200, { what: 'the relay ready' })
  t.notOk(service.logs.some(({ msg }) => msg === 'publishing ended'), 'waiting for a topic is not the failure of a relay')
})

t.test('RELAY_TOPIC_GRACE_MS: the operator asked for dead letters', async (t) => {
  const stage = await Stage.set(t, {
    settings: { RELAY_LEASE: 'none', RELAY_TOPICS: 'invoice=no-such-topic', RELAY_TOPIC_GRACE_MS: '500', RELAY_POLL_INTERVAL_MS: '100' }
  })
  await stage.relay('relay')
  await stage.post('a', 'b', ...invoices(50), 'c')
  await stage.published()
  const { rows } = await stage.pool.query<{ reason: string }>('SELECT DISTINCT reason FROM outbox_dead_letters')
  t.same(rows, [{ reason: 'UNKNOWN_TOPIC_OR_PARTITION: topic no-such-topic (RELAY_TOPICS)' }])
  t.equal(await deadLetters(stage), 50)
  t.same((await stage.verdict({ but: 50 })).lost.filter((event) => !event.startsWith('invoice')), [])
})

t.test('a topic whose grant is taken away, and given again', async (t) => {
  const broker = await securedKafka(t, { topics: ['orders', 'invoices'], grants: [['orders', 'Write'], ['orders', 'Read'], ['invoices', 'Write']] })
  await broker.admin.grantPrefix('relay-')
  const stage = await Stage.set(t, {
    kafka: broker.open,
    settings: {
      RELAY_LEASE: 'none',
      KAFKA_BROKERS: broker.broker.brokers,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'client',
      KAFKA_SASL_PASSWORD: 'client',
      RELAY_DEFAULT_TOPIC: 'orders',
      RELAY_TOPICS: 'invoice=invoices'
    }
  })
  const { service } = await stage.relay('relay')
  await stage.post(...ORDERS, ...invoices(3))
  await stage.published()
  const epoch = await stage.epoch()

  await broker.admin.revoke('invoices', 'Write')
  for (let times = 0; times < 10; times++) await stage.post(...ORDERS, ...invoices(3))
  await stage.published({ but: 30 })
  t.match(await untilLogged(service, 'topic_withheld', 'invoices'), { reason: 'TOPIC_AUTHORIZATION_FAILED', settings: 'RELAY_TOPICS' })
  t.ok(await stage.epoch() <= epoch + 2, `${await stage.epoch() - epoch} take-overs`)

  await broker.admin.grant('invoices', 'Write')
  await stage.published()
  t.equal(await deadLetters(stage), 0)
  t.same(await inTopic(stage, 'invoices', 33).then((found) => found.filter((id) => id.startsWith('invoice-0 '))), Array.from({ length: 11 }, (_, index) => `invoice-0 ${index + 1}`))
})
