import { setTimeout as delay } from 'node:timers/promises'
import { until } from '@orders/testing/framework'
import { processUsage } from '../measure/process-usage.ts'
import { outboxBench } from '../outbox-bench.ts'
import type { Scenario } from '../scenario.ts'

export const rest: Scenario = {
  title: 'At rest',
  method: 'A relay that leads, with nothing to publish: it polls, listens, reports its backlog and is not scraped.',
  async run (bench) {
    const { relay: createRelay } = await outboxBench(bench)
    const relay = createRelay('exactly-once')
    await relay.start()
    await until(() => relay.logs.some(({ event }) => event === 'took_over'), { what: 'the relay to take over' })
    const seconds = bench.quick ? 3 : 30
    // After the start: compilation, garbage collection.
    await delay(bench.quick ? 1_000 : 5_000)
    const before = await processUsage(relay.pid)
    await delay(seconds * 1_000)
    const after = await processUsage(relay.pid)
    return [{
      name: 'relay, leading',
      figures: [
        { name: 'CPU', value: (after.cpuSeconds - before.cpuSeconds) / seconds * 100, unit: '% of a core', goal: { atMost: 1 } },
        { name: 'memory', value: after.rssMegabytes, unit: 'MB', goal: { atMost: 120 } }
      ]
    }]
  }
}
