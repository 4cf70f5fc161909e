import { ProcessSession } from '@orders/leader-election/postgres'
import { connectionOptions, createPool, type Health } from '@orders/service-kit'
import type { ShardRelay } from '../publishing/shard-relay.ts'
import type { RelayParts } from '../relay.ts'
import { shareFairly } from './fair-share.ts'
import { createLeaseStore } from './lease-store.ts'
import { ShardLeader } from './shard-leader.ts'

/** A renewal and a read of each shard can be under way, hardly ever more. */
const LEASE_CONNECTIONS = 2

/** Competes for every shard with the other replicas, and publishes those that it leads, until `signal` is aborted. */
export async function runElected (
  relays: readonly ShardRelay[], kind: 'postgres' | 'kubernetes', parts: RelayParts, health: Health, signal: AbortSignal
): Promise<void> {
  const { config, logger, metrics, process } = parts
  const group = config.RELAY_NAME
  const connection = connectionOptions({ url: config.DATABASE_URL, applicationName: `outbox-relay ${process}`, needsSession: 'RELAY_EAGER_TAKEOVER=false' })
  const db = createPool({ url: config.DATABASE_URL, applicationName: 'outbox-relay lease', max: LEASE_CONNECTIONS, logger })
  // Before the first lease can be won: who leads without a session looks dead to the others.
  const session = config.RELAY_EAGER_TAKEOVER
    ? await ProcessSession.open({
      connection, group, process, onError: (error) => { logger.warn({ event: 'process_session_lost', err: error }, 'the session that shows that this relay lives was lost') }
    }, signal)
    : undefined
  try {
    const leaders = await Promise.all(relays.map(async (relay, shard) => new ShardLeader({
      shard,
      group,
      process,
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
      running.push(shareFairly({ leaders, group, db, intervalMs: config.RELAY_RETRY_PERIOD_MS, logger }, signal))
    }
    await Promise.all(running)
  } finally {
    // Last: its end tells the others that we are dead, and by now nothing of ours is left to take over.
    await session?.close()
    await db.end()
  }
}
