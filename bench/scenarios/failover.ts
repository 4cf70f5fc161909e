import { setTimeout as delay } from 'node:timers/promises'
import { Kubernetes } from '@orders/testing/servers'
import { until, type ServiceProcess } from '@orders/testing/framework'
import { killLeader, leaderOf, type KillSignal, type LeaderKill } from '@orders/testing/faults/leader-kill'
import { publishingGaps } from '@orders/testing/faults/publishing-gaps'
import { EventWatch } from '../event-watch.ts'
import { ForeignLoad } from '../measure/foreign-load.ts'
import { percentile } from '../measure/percentiles.ts'
import { OrderWriters } from '../order-writers.ts'
import { outboxBench } from '../outbox-bench.ts'
import type { Bench, Case, Scenario } from '../scenario.ts'

const REPLICAS = 3
const RATE = 500
const WRITERS = 8
const KILLS = 50
const PAUSE_MS = 1_000

const GOALS: Readonly<Record<KillSignal, { p50?: number, max?: number }>> = {
  SIGTERM: { p50: 200 }, SIGKILL: { p50: 300, max: 1_000 }, SIGSTOP: {}
}

const MEANING: Readonly<Record<KillSignal, string>> = {
  SIGTERM: 'told to end', SIGKILL: 'killed', SIGSTOP: 'frozen, lease of 3 s'
}

/** Only the lease shows that a leader is frozen. A leader that ends is noticed sooner, so it has the default of fifteen seconds. */
const SHORT_LEASE = {
  RELAY_LEASE_DURATION_MS: '3000', RELAY_RENEW_DEADLINE_MS: '2000', RELAY_RETRY_PERIOD_MS: '500', RELAY_SEND_DEADLINE_MS: '1500'
}

export const failover: Scenario = {
  title: 'Failover and handover',
  method: `Three relays, ${RATE} orders per second. The leader is stopped, killed or frozen ${KILLS} times, and replaced. The gap is the longest time around each of these in which a read-committed consumer saw no new event. The lease lasts 15 s, except for the frozen leaders. Here, other load includes the relays that were started again.`,
  async run (bench) {
    const cases: Case[] = []
    for (const lease of ['postgres', 'kubernetes'] as const) {
      for (const signal of ['SIGTERM', 'SIGKILL', 'SIGSTOP'] as const) cases.push(await failoverWith(bench, lease, signal))
    }
    return cases
  }
}

async function failoverWith (bench: Bench, lease: 'postgres' | 'kubernetes', signal: KillSignal): Promise<Case> {
  const { database, connection, topic, relay } = await outboxBench(bench)
  const settings = { ...signal === 'SIGSTOP' ? SHORT_LEASE : {}, ...lease === 'kubernetes' ? await kubernetesLease(bench) : {} }
  const relays = Array.from({ length: REPLICAS }, (_, index) => relay('exactly-once', { ...settings, RELAY_IDENTITY: `relay-${index + 1}` }))
  await Promise.all(relays.map((each) => each.start()))
  await leaderOf(relays)
  const watch = await EventWatch.start(connection, topic)
  bench.scope.teardown(() => watch.close())
  const writers = new OrderWriters(database.url('order_api'), WRITERS)
  bench.scope.teardown(() => writers.close())

  const load = await ForeignLoad.start([...relays.map(({ pid }) => pid), bench.postgres.pid, bench.kafka.pid])
  const enough = new AbortController()
  const writing = writers.write(RATE, Infinity, enough.signal)
  const kills = await killAll(relays, signal, bench.quick ? 3 : KILLS).finally(() => { enough.abort() })
  await writing
  await until(() => [...writers.committedAt.keys()].every((id) => watch.seenAt.has(id)), { what: 'every event to be seen', deadlineMs: 120_000 })

  const gaps = publishingGaps(kills, [...watch.seenAt.values()].map((at) => performance.timeOrigin + at)).map(({ gapMs }) => gapMs)
  const { p50, max } = GOALS[signal]
  for (const each of relays) each.kill('SIGTERM')
  await Promise.all(relays.map((each) => each.exited()))
  return {
    name: `${MEANING[signal]}, lease in ${lease === 'postgres' ? 'Postgres' : 'Kubernetes'}`,
    figures: [
      { name: 'p50', value: percentile(gaps, 0.5), unit: 'ms', ...p50 === undefined ? {} : { goal: { atMost: p50 } } },
      { name: 'p99', value: percentile(gaps, 0.99), unit: 'ms' },
      { name: 'max', value: Math.max(...gaps), unit: 'ms', ...max === undefined ? {} : { goal: { atMost: max } } },
      { name: 'lost', value: [...writers.committedAt.keys()].filter((id) => !watch.seenAt.has(id)).length, unit: 'events', goal: { atMost: 0 } },
      { name: 'duplicates', value: watch.duplicates, unit: 'events', goal: { atMost: 0 } },
      { name: 'other load', value: await load.percent(), unit: '%' }
    ]
  }
}

async function killAll (relays: readonly ServiceProcess[], signal: KillSignal, times: number): Promise<LeaderKill[]> {
  const kills: LeaderKill[] = []
  // Before the first kill the relays publish at their normal rate; before each later one all replicas run again.
  await delay(PAUSE_MS * 3)
  while (kills.length < times) {
    kills.push(await killLeader(relays, signal))
    await delay(PAUSE_MS)
  }
  return kills
}

async function kubernetesLease ({ scope, say }: Bench): Promise<Record<string, string>> {
  const server = await Kubernetes.start({ progress: say })
  scope.teardown(() => server.close())
  return { RELAY_LEASE: 'kubernetes', RELAY_LEASE_NAMESPACE: 'default', KUBECONFIG: server.kubeconfig }
}
