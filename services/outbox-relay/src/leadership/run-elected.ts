import { ProcessSession } from '@orders/leader-election/postgres'
import { connectionOptions, createPool, type Health } from '@orders/service-kit'
import type { ShardRelay } from '../publishing/shard-relay.ts'
import type { RelayParts } from '../relay.ts'
import { createLeaseStore } from './lease-store.ts'
import { rebalanceShards } from './rebalance-shards.ts'
import { ShardLeader } from './shard-leader.ts'

/** At most two requests of the shards' electors are under way at a time, nearly always. */
const LEASE_CONNECTIONS = 2

/** Competes with the other replicas for every shard, and publishes the shards that it leads, until `signal` is aborted. */
export async function runElected (
  relays: readonly ShardRelay[], kind: 'postgres' | 'kubernetes', parts: RelayParts, health: Health, signal: AbortSignal
): Promise<void> {
  const { config, logger, metrics, processName } = parts
  const group = config.RELAY_NAME
  const connection = connectionOptions({ url: config.DATABASE_URL, applicationName: `outbox-relay ${processName}`, needsSession: 'RELAY_EAGER_TAKEOVER=false' })
  await using closing = new AsyncDisposableStack()
  const db = createPool({ url: config.DATABASE_URL, applicationName: 'outbox-relay lease', max: LEASE_CONNECTIONS, logger })
  closing.defer(() => db.end())
  // Before the first lease can be won: to the others, a leader without a session has crashed.
  const session = config.RELAY_EAGER_TAKEOVER
    ? await ProcessSession.open({
      connection, group, processName, onError: (error) => { logger.warn({ event: 'process_session_lost', err: error }, 'lost the session that shows that this relay is alive') }
    }, signal)
    : undefined
  // Closed after all work has ended: the other replicas treat its end as a crash, and take over our shards.
  closing.defer(() => session?.close())
  const leaders = await Promise.all(relays.map(async (relay, shard) => new ShardLeader({
    shard,
    group,
    processName,
    relay,
    store: await createLeaseStore(shard, kind, { config, db, connection }),
    timings: {
      leaseDurationMs: config.RELAY_LEASE_DURATION_MS, renewDeadlineMs: config.RELAY_RENEW_DEADLINE_MS, retryPeriodMs: config.RELAY_RETRY_PERIOD_MS
    },
    eager: session && { db, connection },
    metrics,
    logger
  })))
  health.addLiveness('leader election', () => { for (const leader of leaders) leader.assertHealthy() })
  const running = leaders.map((leader) => leader.run(signal))
  if (session !== undefined && leaders.length > 1) {
    running.push(rebalanceShards({ leaders, group, db, intervalMs: config.RELAY_RETRY_PERIOD_MS, logger }, signal))
  }
  await Promise.all(running)
}
