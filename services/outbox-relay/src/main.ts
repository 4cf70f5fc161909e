import { hostname } from 'node:os'
import { createKafka } from '@orders/kafka'
import { listenForWakeups, READ_SESSION_OPTIONS } from '@orders/outbox'
import {
  assertReadable, connectionOptions, createHealth, createMetrics, createOpsServer, createPool, poolMetrics, refuseUnfitPooler, runService
} from '@orders/service-kit'
import { loadRelayConfig } from './config.ts'
import { processName } from './leadership/identity.ts'
import { LayoutGuard } from './layout-guard.ts'
import { runElected } from './leadership/run-elected.ts'
import { RelayMetrics } from './metrics.ts'
import { createShardRelay, layoutOf } from './relay.ts'
import { reportBacklog } from './report-backlog.ts'
import { runAlone } from './run-alone.ts'
import { runInLayout } from './run-in-layout.ts'
import { Wakeups } from './wakeups.ts'

const health = createHealth()

await runService({
  name: 'outbox-relay',
  health,
  loadConfig: loadRelayConfig,
  async start ({ config, logger, onStop, fail }) {
    const { registry } = createMetrics({ service: 'outbox-relay' })
    const metrics = new RelayMetrics(registry)
    const process = processName(config.RELAY_IDENTITY ?? hostname())

    const ops = createOpsServer({ health, registry })
    onStop('ops server', () => ops.close())

    const db = createPool({
      url: config.DATABASE_URL, applicationName: 'outbox-relay', max: config.DATABASE_POOL_SIZE, sessionOptions: READ_SESSION_OPTIONS, logger
    })
    poolMetrics(registry, db)
    refuseUnfitPooler(db, fail)
    health.addReadiness('postgres', () => assertReadable(db, 'relay_shard'))
    onStop('pool', () => db.end())

    const stop = new AbortController()
    const reporting = reportBacklog(db, metrics, logger, stop.signal)
    onStop('backlog report', () => { stop.abort(); return reporting })

    const layout = new LayoutGuard({ db, settings: layoutOf(config) })
    const parts = { config, db, layout, kafka: createKafka(config, { clientId: process, logger }), metrics, process, logger }
    const shards = Array.from({ length: config.RELAY_SHARDS }, (_, shard) => {
      const wakeups = new Wakeups()
      return { wakeups, relay: createShardRelay(shard, wakeups, parts) }
    })
    const relays = shards.map(({ relay }) => relay)
    const listener = listenForWakeups({
      connection: connectionOptions({ url: config.DATABASE_URL, applicationName: 'outbox-relay wake-up' }),
      onWakeup: (sweep) => { for (const { wakeups } of shards) wakeups.notify(sweep) },
      onError: (error) => { logger.warn({ err: error }, 'wake-ups are not heard; polling') }
    })
    onStop('wake-ups', () => listener.close())

    const publishing = new AbortController()
    const { RELAY_BACKOFF_MAX_MS: pauseMs, RELAY_LEASE: lease } = config
    const running = runInLayout({ guard: layout, health, pauseMs, logger }, (signal) => lease === 'none'
      ? Promise.all(relays.map((relay) => runAlone(relay, pauseMs, logger, signal)))
      : runElected(relays, lease, parts, health, signal), publishing.signal)
    running.catch(fail)
    onStop('relay', () => { publishing.abort(); return running })

    logger.info({ ops: await ops.listen({ host: config.OPS_HOST, port: config.OPS_PORT }) }, 'listening')
  }
})
