import { createKafka, runConsumer } from '@orders/kafka'
import { createHealth, createMetrics, createOpsServer, drainHttp, runService } from '@orders/service-kit'
import { buildApp } from './app.ts'
import { BatchApplier } from './batch-applier.ts'
import { loadConsumerConfig } from './config.ts'
import { ConsumerMetrics } from './consumer-metrics.ts'
import { DeadLetterTopic } from './dead-letters.ts'
import { forgetOldEvents } from './forget-old-events.ts'

const health = createHealth()

await runService({
  name: 'order-consumer',
  health,
  loadConfig: loadConsumerConfig,
  async start ({ config, logger, onStop, fail }) {
    const { registry } = createMetrics({ service: 'order-consumer' })
    const metrics = new ConsumerMetrics(registry)

    const ops = createOpsServer({ health, registry, logger })
    onStop('ops server', () => ops.close())

    const app = await buildApp({ config, logger, health, registry })
    const { pool } = app.pg
    health.addReadiness('postgres', async () => { await pool.query('SELECT') })
    onStop('http', () => drainHttp(app, config.SHUTDOWN_DEADLINE_MS / 2))

    const housekeeping = new AbortController()
    const forgetting = forgetOldEvents(pool, config.CONSUMER_INBOX_RETENTION_HOURS, logger, housekeeping.signal)
    onStop('housekeeping', () => { housekeeping.abort(); return forgetting })

    const connection = createKafka(config, { clientId: 'order-consumer', logger })
    const deadLetters = new DeadLetterTopic(connection, config.CONSUMER_DEAD_LETTER_TOPIC)
    onStop('dead letters', () => deadLetters.close())
    const applier = new BatchApplier({ pool, deadLetters, metrics, logger, poisonAttempts: config.CONSUMER_POISON_ATTEMPTS })

    const consumer = runConsumer({
      connection,
      groupId: config.CONSUMER_GROUP,
      topics: [config.CONSUMER_TOPIC],
      sessionTimeoutMs: config.CONSUMER_SESSION_TIMEOUT_MS,
      maxBatchRecords: config.CONSUMER_BATCH_EVENTS,
      onFatal: fail,
      handleBatch: (batch) => applier.apply(batch)
    })
    onStop('consumer', () => consumer.stop(config.SHUTDOWN_DEADLINE_MS / 2))
    health.addReadiness('consumer group', () => { consumer.health.assertJoined() })
    health.addLiveness('consumer', () => { consumer.health.assertAlive() })
    metrics.observeMembership(registry, () => consumer.health.member)

    logger.info({
      http: await app.listen({ host: config.HTTP_HOST, port: config.HTTP_PORT }),
      ops: await ops.listen({ host: config.OPS_HOST, port: config.OPS_PORT })
    }, 'listening')
  }
})
