import { readMetrics } from '../framework/metrics.ts'
import type { ServiceProcess } from '../framework/service.ts'
import { until } from '../framework/until.ts'

export type KillSignal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP'

export interface LeaderKill {
  signal: KillSignal
  /** When the signal was sent, in milliseconds since 1970, as records and logs have it. */
  at: number
  /** Until another replica had taken over. */
  tookOverMs: number
}

const DEADLINE_MS = 60_000

/** The relay that publishes the shard now. */
export async function leaderOf (relays: readonly ServiceProcess[], shard = 0): Promise<ServiceProcess> {
  return until(async () => {
    for (const relay of relays.filter(({ running }) => running)) if (await leads(relay, shard)) return relay
    return undefined
  }, { what: `a relay to lead shard ${shard}`, deadlineMs: DEADLINE_MS })
}

/**
 * Ends the leader, or freezes it; waits until another replica has taken over; then starts it again, or thaws it, so that
 * there are as many as before.
 */
export async function killLeader (relays: readonly ServiceProcess[], signal: KillSignal, shard = 0): Promise<LeaderKill> {
  const leader = await leaderOf(relays, shard)
  const others = relays.filter((relay) => relay !== leader)
  const seen = new Map(others.map((relay) => [relay, relay.logs.length]))
  const at = Date.now()
  leader.kill(signal)
  const tookOverAt = await until(() => {
    for (const relay of others) {
      const line = relay.logs.slice(seen.get(relay)).find(({ event, shard: of }) => event === 'took_over' && of === shard)
      if (line !== undefined) return Date.parse(String(line.time))
    }
    return undefined
  }, { what: `another relay to take over after ${signal}`, deadlineMs: DEADLINE_MS })
  if (signal === 'SIGSTOP') {
    leader.kill('SIGCONT')
    await until(async () => !await leads(leader, shard), { what: 'the thawed leader to step down', deadlineMs: DEADLINE_MS })
  } else {
    await leader.exited()
    await leader.start()
  }
  return { signal, at, tookOverMs: Math.max(0, tookOverAt - at) }
}

async function leads (relay: ServiceProcess, shard: number): Promise<boolean> {
  return (await readMetrics(relay)).get(`relay_leader{shard="${shard}"}`) === 1
}
