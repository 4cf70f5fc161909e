import { until } from '@orders/testing/framework'
import { EventWatch } from '../event-watch.ts'
import { ForeignLoad } from '../measure/foreign-load.ts'
import { percentile } from '../measure/percentiles.ts'
import { processUsage } from '../measure/process-usage.ts'
import { OrderWriters } from '../order-writers.ts'
import { outboxBench, type RelayDelivery } from '../outbox-bench.ts'
import type { Bench, Case, Scenario } from '../scenario.ts'

const RATES = [50, 500]
const WRITERS = 8

export const latency: Scenario = {
  title: 'From commit to consumer',
  method: 'Transactions that insert an order and its event, followed by a wake-up like that of order-api, at a fixed rate. The latency is the time from the acknowledged commit until a read-committed consumer in the same process has the event. The consumer uses kafkajs too, and its share is part of the figures.',
  async run (bench) {
    const cases: Case[] = []
    for (const rate of RATES) {
      for (const delivery of ['exactly-once', 'at-least-once'] as const) cases.push(await latencyAt(bench, delivery, rate))
    }
    return cases
  }
}

async function latencyAt (bench: Bench, delivery: RelayDelivery, rate: number): Promise<Case> {
  const { database, connection, topic, relay: createRelay } = await outboxBench(bench)
  const relay = createRelay(delivery)
  await relay.start()
  const watch = await EventWatch.start(connection, topic)
  bench.scope.teardown(() => watch.close())
  const writers = new OrderWriters(database.url('order_api'), WRITERS)
  bench.scope.teardown(() => writers.close())
  const allSeen = () => until(() => [...writers.committedAt.keys()].every((id) => watch.seenAt.has(id)), {
    what: 'every event to be seen', deadlineMs: 60_000
  })
  await writers.write(rate, bench.quick ? 2 : 10)
  await allSeen()
  writers.committedAt.clear()

  const load = await ForeignLoad.start([relay.pid, bench.postgres.pid, bench.kafka.pid])
  const before = await processUsage(relay.pid)
  await writers.write(rate, bench.quick ? 3 : 30)
  await allSeen()
  const after = await processUsage(relay.pid)
  const foreignPercent = await load.percent()
  const latencies = [...writers.committedAt].map(([id, at]) => (watch.seenAt.get(id) ?? Infinity) - at)
  const goal = (atMost: number) => rate === 500 ? { goal: { atMost } } : {}
  return {
    name: `${delivery}, ${rate} orders/s`,
    figures: [
      { name: 'p50', value: percentile(latencies, 0.5), unit: 'ms', ...goal(delivery === 'exactly-once' ? 10 : 3) },
      { name: 'p95', value: percentile(latencies, 0.95), unit: 'ms' },
      { name: 'p99', value: percentile(latencies, 0.99), unit: 'ms', ...(delivery === 'exactly-once' ? goal(40) : {}) },
      { name: 'CPU per event', value: (after.cpuSeconds - before.cpuSeconds) / latencies.length * 1_000_000, unit: 'µs' },
      { name: 'duplicates', value: watch.duplicates, unit: 'events', goal: { atMost: 0 } },
      { name: 'other load', value: foreignPercent, unit: '%' }
    ]
  }
}
