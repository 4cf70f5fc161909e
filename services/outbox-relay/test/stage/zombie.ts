import { until, type TcpProxy } from '@orders/testing/framework'
import { interrupt, type Moment } from './interrupt.ts'
import type { Relay, Stage } from './stage.ts'

/** Leases that run out soon: a process that is frozen keeps its session of Postgres, so only its lease replaces it. */
export const SHORT_LEASE = {
  RELAY_LEASE_DURATION_MS: '2000',
  RELAY_RENEW_DEADLINE_MS: '1500',
  RELAY_RETRY_PERIOD_MS: '300',
  RELAY_SEND_DEADLINE_MS: '1200'
}

export const AGGREGATES = ['a', 'b', 'c', 'd', 'e']

export interface ZombieOptions {
  stage: Stage
  kafka: TcpProxy
  zombie: Relay
  successor: Relay
  /** Done again and again until the moment has come. */
  meanwhile: () => Promise<unknown>
}

/**
 * Freezes a leader at that moment, lets its successor publish more events of the same aggregates, and wakes the leader up.
 * Resolves when it has stepped down by itself and everything is published.
 */
export async function makeZombie (moment: Moment, { stage, kafka, zombie, successor, meanwhile }: ZombieOptions): Promise<void> {
  const goOn = await interrupt(moment, { relay: zombie, kafka, signal: 'SIGSTOP', meanwhile })
  await until(async () => await stage.leader() === successor.name, { what: `${successor.name} to take over` })
  await stage.post(...AGGREGATES)
  await stage.published()
  const { logs } = zombie.service
  const before = logs.length
  goOn()
  await stage.post(...AGGREGATES)
  await until(() => logs.slice(before).some(({ event }) => event === 'stepping_down'), { what: `${zombie.name} to step down` })
  await stage.post(...AGGREGATES)
  await stage.published()
}
