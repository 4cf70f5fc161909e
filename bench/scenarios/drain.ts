import { setTimeout as delay } from 'node:timers/promises'
import { until } from '@orders/testing/framework'
import pg from 'pg'
import { fillOutbox } from '../fill-outbox.ts'
import { ForeignLoad } from '../measure/foreign-load.ts'
import { processUsage } from '../measure/process-usage.ts'
import { publishOneByOne } from '../one-by-one.ts'
import { outboxBench, type RelayDelivery } from '../outbox-bench.ts'
import type { Bench, Case, Scenario } from '../scenario.ts'
import { auditTopic } from '../topic-audit.ts'

/** Debezium's outbox router on Kafka Connect, best tuning, at least once, on the same work and kind of machine. */
const DEBEZIUM_200_000 = 29_000
const DEBEZIUM_1_000_000 = 37_000

export const drain: Scenario = {
  title: 'Draining a backlog',
  method: 'The events (300 bytes of payload, 1,000 aggregates, four partitions) wait in the outbox; then one relay is started. The rate is calculated from the broker\'s timestamps of the first and the last record. CPU and memory are those of the relay\'s process, from its takeover on. Afterwards the topic is checked for duplicates and gaps. One by one: for each row, connect a producer, send one record, disconnect the producer, delete the row.',
  async run (bench) {
    const cases: Case[] = []
    const counts = bench.quick ? [20_000] : [200_000, 1_000_000]
    for (const events of counts) {
      for (const delivery of ['exactly-once', 'at-least-once'] as const) cases.push(await drainWith(bench, delivery, events))
    }
    cases.push(await drainOneByOne(bench, bench.quick ? 20 : 300))
    return cases
  }
}

async function drainWith (bench: Bench, delivery: RelayDelivery, events: number): Promise<Case> {
  const { database, connection, topic, relay: createRelay } = await outboxBench(bench)
  const lastId = await fillOutbox(database.ownerUrl, events)
  await delay(bench.quick ? 0 : 3_000)
  const client = new pg.Client({ connectionString: database.ownerUrl })
  await client.connect()
  const relay = createRelay(delivery)
  try {
    await relay.start()
    await until(() => relay.logs.some(({ event }) => event === 'took_over'), { what: 'the relay to take over' })
    const load = await ForeignLoad.start([relay.pid, bench.postgres.pid, bench.kafka.pid])
    const before = await processUsage(relay.pid)
    // By the id of the last event: a query for any row would scan all deleted ones, and load Postgres.
    await until(async () => (await client.query('SELECT FROM outbox_events WHERE id = $1', [lastId])).rowCount === 0, {
      what: 'the outbox to be empty', deadlineMs: 600_000
    })
    const after = await processUsage(relay.pid)
    const foreignPercent = await load.percent()
    relay.kill('SIGTERM')
    await relay.exited()
    const audit = await auditTopic(connection, topic)
    return {
      name: `${delivery}, ${events.toLocaleString('en')} events`,
      figures: [
        {
          name: 'rate',
          value: audit.eventsPerSecond,
          unit: 'events/s',
          ...(bench.quick ? {} : { goal: { atLeast: events > 200_000 ? DEBEZIUM_1_000_000 : DEBEZIUM_200_000 } })
        },
        { name: 'CPU per event', value: (after.cpuSeconds - before.cpuSeconds) / events * 1_000_000, unit: 'µs', goal: { atMost: 25 } },
        { name: 'peak memory', value: after.peakRssMegabytes, unit: 'MB', goal: { atMost: 120 } },
        { name: 'lost', value: Math.max(0, events - audit.events + audit.duplicates), unit: 'events', goal: { atMost: 0 } },
        { name: 'duplicates', value: audit.duplicates, unit: 'events', goal: { atMost: 0 } },
        { name: 'out of order', value: audit.outOfOrder, unit: 'events', goal: { atMost: 0 } },
        { name: 'other load', value: foreignPercent, unit: '%' }
      ]
    }
  } finally {
    await client.end()
  }
}

async function drainOneByOne (bench: Bench, events: number): Promise<Case> {
  const { database, connection, topic } = await outboxBench(bench)
  await fillOutbox(database.ownerUrl, events)
  const rate = await publishOneByOne(connection, database.ownerUrl, topic, events)
  return { name: 'one by one', figures: [{ name: 'rate', value: rate, unit: 'events/s' }] }
}
