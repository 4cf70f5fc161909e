import { createHealth, createMetrics, createOpsServer, createPool, drainHttp, listen, refuseUnfitPooler, runService } from '@orders/service-kit'
import { buildApp } from '../app.ts'
import { loadOrderApiConfig } from '../config.ts'
import { purgeIdempotencyKeys } from '../idempotency/purge.ts'
import { orderDatabaseCheck } from '../plugins/database.ts'

const health = createHealth()

await runService({
  name: 'order-api',
  health,
  loadConfig: loadOrderApiConfig,
  async start ({ config, logger, onStop, fail }) {
    const { registry } = createMetrics({ service: 'order-api' })

    const ops = createOpsServer({ health, registry, logger })
    onStop('ops server', () => ops.close())

    const app = await buildApp({ config, logger, health, registry })
    // A separate connection: a probe that queues behind requests would fail on a busy replica. Kubernetes would then move its
    // load to the other replicas, which would fail in turn.
    const probe = createPool({ url: config.DATABASE_URL, applicationName: 'order-api readiness', max: 1, logger })
    app.outages?.watch(probe)
    refuseUnfitPooler(probe, fail)
    health.addReadiness('postgres', orderDatabaseCheck(probe))
    onStop('readiness', () => probe.end())
    onStop('http', () => drainHttp(app, config.SHUTDOWN_DEADLINE_MS / 2))

    const housekeeping = new AbortController()
    const purging = purgeIdempotencyKeys(app.pg.pool, config.ORDER_API_IDEMPOTENCY_RETENTION_HOURS, {
      logger, outages: app.outages, signal: housekeeping.signal
    })
    onStop('housekeeping', () => { housekeeping.abort(); return purging })

    logger.info({
      event: 'listening',
      http: await listen(app, 'HTTP', config),
      ops: await listen(ops, 'OPS', config)
    }, 'listening')
  }
})
