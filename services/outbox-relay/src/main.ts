import { hostname } from 'node:os'
import { createKafka } from '@orders/kafka'
import { listenForWakeups } from '@orders/outbox'
import { createHealth, createMetrics, createOpsServer, createPool, poolMetrics, runService } from '@orders/service-kit'
import { loadRelayConfig } from './config.ts'
import { RelayMetrics } from './metrics.ts'
import { createShardRelay, runAlone } from './relay.ts'
import { reportBacklog } from './report-backlog.ts'
import { Wakeups } from './wakeups.ts'

const health = createHealth()

await runService({
  name: 'outbox-relay',
  health,
  loadConfig: loadRelayConfig,
  async start ({ config, logger, onStop, fail }) {
    const { registry } = createMetrics({ service: 'outbox-relay' })
    const metrics = new RelayMetrics(registry)
    const holder = config.RELAY_IDENTITY ?? hostname()

    const ops = createOpsServer({ health, registry })
    onStop('ops server', () => ops.close())

    const db = createPool({ url: config.DATABASE_URL, applicationName: 'outbox-relay', max: config.DATABASE_POOL_SIZE, logger })
    poolMetrics(registry, db)
    health.addReadiness('postgres', async () => { await db.query('SELECT') })
    onStop('pool', () => db.end())

    const stop = new AbortController()
    const reporting = reportBacklog(db, metrics, logger, stop.signal)
    onStop('backlog report', () => { stop.abort(); return reporting })

    const wakeups = new Wakeups()
    const listener = listenForWakeups({
      connection: { connectionString: config.DATABASE_URL, application_name: 'outbox-relay wake-up', connectionTimeoutMillis: 3_000, keepAlive: true },
      onWakeup: (sweep) => { wakeups.notify(sweep) },
      onError: (error) => { logger.warn({ err: error }, 'wake-ups are not heard; polling') }
    })
    onStop('wake-ups', () => listener.close())

    const kafka = createKafka(config, { clientId: holder, logger })
    const publishing = new AbortController()
    const relay = createShardRelay(0, wakeups, { config, db, kafka, metrics, holder, logger })
    const running = runAlone(relay, config.RELAY_BACKOFF_MAX_MS, logger, publishing.signal)
    running.catch(fail)
    onStop('relay', () => { publishing.abort(); return running })

    logger.info({ ops: await ops.listen({ host: config.OPS_HOST, port: config.OPS_PORT }) }, 'listening')
  }
})
